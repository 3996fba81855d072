/**
 * What each group paid, by month, in level: a start does not read the chain's past again. Sums are of blocks that are old enough not to be
 * removed by a reorg; the payments of later blocks are read again in every pass.
 */
import { Level } from "level";
import { z } from "zod";
import type { Hex } from "../../protocol/hash.ts";
import { noSums, plusPayment } from "./payments.ts";
import type { MonthSums, Payment } from "./payments.ts";

const units = z.string().regex(/^\d{1,40}$/);
const sums = z.strictObject({ earned: units, withdrawn: units, payments: z.int().min(0) });
const payment = z.strictObject({
  kind: z.enum(["settled", "credited", "arrears", "withdrawn"]),
  block: z.int().min(0),
  tx: z.string().regex(/^0x[0-9a-f]{64}$/i),
  amount: units,
  blocks: z.strictObject({ from: z.int(), through: z.int() }).optional(),
  month: z.string(),
});
const schema = z.strictObject({
  version: z.literal(1),
  /** Sums hold all payments through this block. */
  final: z.int(),
  /** Payments are known through this block. */
  through: z.int(),
  /** Indices that this operator has or had in the group. */
  seats: z.array(z.int().min(0)),
  months: z.record(z.string(), sums),
  /** Newest last: those after `final`, and the last ones before. */
  payments: z.array(payment),
});

export type BookedPayment = Payment & { readonly month: string };

/** The books of one group. */
export type GroupBook = {
  readonly final: number;
  readonly through: number;
  readonly seats: readonly number[];
  readonly months: ReadonlyMap<string, MonthSums>;
  readonly payments: readonly BookedPayment[];
};

/** Payments that are shown; more are kept only while they are not final. */
export const keptPayments = 50;

export function emptyBook(begin: number): GroupBook {
  return { final: begin - 1, through: begin - 1, seats: [], months: new Map(), payments: [] };
}

function withSum(
  months: Map<string, MonthSums>,
  one: Pick<BookedPayment, "kind" | "amount" | "month">,
): Map<string, MonthSums> {
  return months.set(one.month, plusPayment(months.get(one.month) ?? noSums, one));
}

/**
 * Takes the payments of the blocks after `final` through `through` in place of those known before.
 * @param final block through which no reorg is expected any more
 */
export function booked(
  book: GroupBook,
  found: readonly BookedPayment[],
  { through, final }: { readonly through: number; readonly final: number },
): GroupBook {
  const end = Math.max(book.final, Math.min(final, through));
  const months = new Map(book.months);
  for (const one of found) if (one.block <= end) withSum(months, one);
  const payments = [...book.payments.filter(({ block }) => block <= book.final), ...found];
  const later = payments.filter(({ block }) => block > end).length;
  return {
    final: end,
    through,
    seats: book.seats,
    months,
    payments: payments.slice(-Math.max(keptPayments, later)),
  };
}

/** Sums of all payments known now, newest month first. */
export function monthsOf({ months, payments, final }: GroupBook): { month: string; sums: MonthSums }[] {
  const all = new Map(months);
  for (const one of payments) if (one.block > final) withSum(all, one);
  return [...all].map(([month, of]) => ({ month, sums: of })).sort((a, b) => (a.month < b.month ? 1 : -1));
}

function textOf({ final, through, seats, months, payments }: GroupBook): string {
  const plain = {
    version: 1,
    final,
    through,
    seats,
    months: Object.fromEntries(
      [...months].map(([month, { earned, withdrawn, payments: count }]) => [
        month,
        { earned: String(earned), withdrawn: String(withdrawn), payments: count },
      ]),
    ),
    payments: payments.map((one) => ({ ...one, amount: String(one.amount) })),
  };
  return JSON.stringify(plain);
}

/** Undefined for a damaged book: it is then read from the chain again. */
function parsed(text: string): GroupBook | undefined {
  try {
    const { final, through, seats, months, payments } = schema.parse(JSON.parse(text));
    return {
      final,
      through,
      seats,
      months: new Map(
        Object.entries(months).map(([month, { earned, withdrawn, payments: count }]) => [
          month,
          { earned: BigInt(earned), withdrawn: BigInt(withdrawn), payments: count },
        ]),
      ),
      payments: payments.map(({ tx, amount, blocks, ...one }) => ({
        ...one,
        tx: tx as Hex,
        amount: BigInt(amount),
        blocks,
      })),
    };
  } catch {
    return undefined;
  }
}

export class Books {
  /** Undefined: the books are lost at a stop, and read from the chain again. */
  readonly #db: Level | undefined;
  readonly #known = new Map<Hex, GroupBook>();

  private constructor(db: Level | undefined) {
    this.#db = db;
  }

  /** @param onError called if the folder cannot be opened: the provider answers without it */
  static async open(dir: string, onError: (text: string) => void): Promise<Books> {
    const db = new Level(dir);
    try {
      await db.open();
    } catch (error) {
      const { cause = error } = error as Error;
      const text = (cause as Error).message;
      onError(`${dir}: cannot be opened: ${text}; payments are read from the chain again at each start`);
      return new Books(undefined);
    }
    const books = new Books(db);
    for await (const [group, text] of db.iterator()) {
      const book = parsed(text);
      if (book !== undefined) books.#known.set(group as Hex, book);
    }
    return books;
  }

  async close(): Promise<void> {
    await this.#db?.close();
  }

  /** Every group that ever paid here, or is served. */
  get all(): ReadonlyMap<Hex, GroupBook> {
    return this.#known;
  }

  of(group: Hex): GroupBook | undefined {
    return this.#known.get(group);
  }

  async keep(group: Hex, book: GroupBook): Promise<void> {
    await this.#db?.put(group, textOf(book));
    this.#known.set(group, book);
  }
}
