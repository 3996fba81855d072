/** What a group paid to this provider, from the group's events (R29, R32, R34, R35). Pure. */
import { Interface } from "ethers";
import { partOf, settledOf } from "../../daemon/chain/settled-event.ts";
import type { LoggedIn } from "../../daemon/chain/ranged-logs.ts";
import * as abi from "../../protocol/abi.ts";
import type { Hex } from "../../protocol/hash.ts";

const groupAbi = new Interface(abi.groupAbi);

/** `settled`: by a certificate; `credited`: blocks without one; `arrears`: paid later; `withdrawn`: paid out to the payee. */
export type PaymentKind = "settled" | "credited" | "arrears" | "withdrawn";

export type Payment = {
  readonly kind: PaymentKind;
  readonly block: number;
  readonly tx: Hex;
  /** Token units. */
  readonly amount: bigint;
  /** The blocks [from, through) that are paid for; undefined for arrears and withdrawals. */
  readonly blocks: { readonly from: number; readonly through: number } | undefined;
};

const names = ["ProviderAdded", "Settled", "Credited", "ArrearsPaid", "ProviderWithdrawn"] as const;

/** Hashes of the events that pay a provider, or give it a seat. */
export const moneyTopics: readonly string[] = names.map((name) => {
  const event = groupAbi.getEvent(name);
  if (event === null) throw new Error(`event ${name}: expected in the ABI, actual none`);
  return event.topicHash;
});

type Part = { readonly provider: number; readonly amount: bigint };

/**
 * @param logs in the order of the chain
 * @param before indices of this operator in the group: one that left and came back has several
 */
export function paymentsIn(
  logs: readonly LoggedIn[],
  operator: Hex,
  before: readonly number[],
): { readonly payments: Payment[]; readonly seats: readonly number[] } {
  const seats = new Set(before);
  const ownIn = (parts: readonly Part[]): readonly Part[] => parts.filter((part) => seats.has(part.provider));
  const sum = (parts: readonly Part[]): bigint => parts.reduce((all, { amount }) => all + amount, 0n);
  const payments = logs.flatMap((log): Payment[] => {
    const at = { block: Number(log.blockNumber), tx: log.transactionHash };
    const settled = settledOf(log);
    if (settled !== undefined) {
      const { from, through, items } = settled;
      const own = ownIn(items);
      return own.length === 0
        ? []
        : [{ kind: "settled", ...at, amount: sum(own), blocks: { from, through } }];
    }
    const parsed = groupAbi.parseLog({ topics: [...log.topics], data: log.data });
    if (parsed === null) return [];
    const { name, args } = parsed;
    const provider = Number(args["provider"]);
    if (name === "ProviderAdded") {
      if (String(args["operator"]).toLowerCase() === operator) seats.add(provider);
      return [];
    }
    if (name === "Credited") {
      const own = ownIn([...(args["parts"] as Iterable<bigint>)].map(partOf));
      const blocks = { from: Number(args["from"]), through: Number(args["through"]) };
      return own.length === 0 ? [] : [{ kind: "credited", ...at, amount: sum(own), blocks }];
    }
    if (!seats.has(provider)) return [];
    const kind = name === "ArrearsPaid" ? "arrears" : "withdrawn";
    return [{ kind, ...at, amount: args["amount"] as bigint, blocks: undefined }];
  });
  return { payments, seats: [...seats] };
}

export type MonthSums = {
  /** Token units that were credited to this provider. */
  readonly earned: bigint;
  readonly withdrawn: bigint;
  /** Number of settlements and credits. */
  readonly payments: number;
};

export const noSums: MonthSums = { earned: 0n, withdrawn: 0n, payments: 0 };

export function plusPayment(sums: MonthSums, { kind, amount }: Pick<Payment, "kind" | "amount">): MonthSums {
  if (kind === "withdrawn") return { ...sums, withdrawn: sums.withdrawn + amount };
  return { ...sums, earned: sums.earned + amount, payments: sums.payments + (kind === "arrears" ? 0 : 1) };
}

/** "2026-11", in UTC. */
function monthOf(time_s: number): string {
  return new Date(time_s * 1000).toISOString().slice(0, 7);
}

/**
 * The months of blocks in a range, with few reads of timestamps: a month's first block is found by halving.
 * @returns the first block of the range and the first block of every later month in it, ascending
 */
export async function monthsIn(
  { from, to }: { readonly from: number; readonly to: number },
  timeOf: (block: number) => Promise<number>,
): Promise<readonly { readonly from: number; readonly month: string }[]> {
  const month = async (block: number): Promise<string> => monthOf(await timeOf(block));
  const found = [{ from, month: await month(from) }];
  const last = await month(to);
  for (let current = found[0]; current !== undefined && current.month !== last; current = found.at(-1)) {
    let [before, after] = [current.from, to];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if ((await month(middle)) === current.month) before = middle;
      else after = middle;
    }
    found.push({ from: after, month: await month(after) });
  }
  return found;
}

/** What is earned since the last settlement, at the share that was proven of the last settled interval, after the keepers' cut. */
export function comingOf(money: {
  readonly settledThrough: number;
  readonly head: number;
  readonly leavesAt: number | undefined;
  readonly keeperShareBps: number;
  /** Ascending: bytes and price from a block on. */
  readonly data: readonly { readonly from: number; readonly bytes: bigint; readonly price: bigint }[];
  /** Space-time paid and committed in the last settled interval; 1 and 1 before the first. */
  readonly paid: bigint;
  readonly committed: bigint;
}): bigint {
  const { settledThrough, head, leavesAt, keeperShareBps, data, paid, committed } = money;
  const end = Math.min(head, leavesAt ?? head);
  const value = data.reduce((sum, { from, bytes, price }, i) => {
    const begin = Math.max(from, settledThrough);
    const until = Math.min(end, data[i + 1]?.from ?? end);
    return until <= begin ? sum : sum + BigInt(until - begin) * bytes * price;
  }, 0n);
  if (committed === 0n) return 0n;
  const amount = (value * paid) / (committed << 64n);
  return (amount * BigInt(10_000 - keeperShareBps)) / 10_000n;
}
