/**
 * R47: the newest voucher of each reader, and what it owes: a file each, because `whitepay provider redeem` reads them while the daemon writes.
 * A file is replaced atomically, and durable when a method resolves.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { decodeVoucher, encodeVoucher } from "../../../protocol/codec/paid-reading.ts";
import type { ShownVoucher } from "../../../protocol/codec/paid-reading.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReadAccount } from "../../../protocol/reading-account.ts";
import { syncPath, writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { namingFullDisk } from "../../../storage/disk/disk-full.ts";

/** Accounts of readers on disk: 64 MiB in blocks of 4 KiB, and some 8 MiB of memory. */
export const mostReaders = 16_384;

export type ReaderRecord = ReadAccount & {
  /** The newest one, whose signature is valid. */
  readonly voucher: ShownVoucher;
  /** Of the channel when it was read last. */
  readonly expiry: number;
  readonly spent: bigint;
  /** What was charged last: a reader that did not get all of it may ask for it again. */
  readonly last?: ChargedPart | undefined;
};

/** Bytes [at, to) of a piece, and what they cost. */
export type ChargedPart = {
  readonly root: Hex;
  readonly at: number;
  readonly to: number;
  readonly price: bigint;
};

const format = 1;
const ending = ".json";

type Saved = {
  readonly format: number;
  readonly voucher: string;
  readonly owed: string;
  readonly promised: string;
  readonly expiry: number;
  readonly spent: string;
  readonly last?: Omit<ChargedPart, "price"> & { readonly price: string };
};

function nameOf({ chainId, vouchers, provider, token, reader }: Omit<ShownVoucher, "amount" | "signature">) {
  return [String(chainId), ...[vouchers, provider, token, reader].map((one) => one.slice(2))].join("-");
}

function textOf({ voucher, owed, promised, expiry, spent, last }: ReaderRecord): string {
  const saved: Saved = {
    format,
    voucher: encodeVoucher(voucher),
    owed: String(owed),
    promised: String(promised),
    expiry,
    spent: String(spent),
    ...(last && { last: { ...last, price: String(last.price) } }),
  };
  return `${JSON.stringify(saved)}\n`;
}

/** @throws Error that says what is wrong with the text */
function recordOf(text: string): ReaderRecord {
  const saved = JSON.parse(text) as Saved;
  if (saved.format !== format) throw new RangeError(`format: expected ${format}, actual ${saved.format}`);
  const voucher = decodeVoucher(saved.voucher);
  if (!voucher.ok) throw new RangeError(voucher.detail);
  const { expiry, last } = saved;
  return {
    voucher: voucher.value,
    owed: BigInt(saved.owed),
    promised: BigInt(saved.promised),
    expiry,
    spent: BigInt(saved.spent),
    ...(last && { last: { root: last.root, at: last.at, to: last.to, price: BigInt(last.price) } }),
  };
}

/** The records in a folder; a file that cannot be read is reported, and stays. */
export async function readRecords(dir: string, damaged: (text: string) => void): Promise<ReaderRecord[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const found: ReaderRecord[] = [];
  for (const name of names) {
    if (!name.endsWith(ending)) continue;
    try {
      const record = recordOf(await readFile(join(dir, name), "utf8"));
      if (name !== nameOf(record.voucher) + ending) throw new Error("it has the name of another account");
      found.push(record);
    } catch (error) {
      // Between the list and the read, the daemon may have dropped it.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      damaged(`${join(dir, name)}: a reader's voucher cannot be read: ${(error as Error).message}`);
    }
  }
  return found;
}

export class ReaderBook {
  readonly #dir: string;
  readonly #records: Map<string, ReaderRecord>;

  private constructor(dir: string, records: readonly ReaderRecord[]) {
    this.#dir = dir;
    this.#records = new Map(records.map((record) => [nameOf(record.voucher), record]));
  }

  /** @param damaged told about each file that cannot be read */
  static async open(dir: string, damaged: (text: string) => void): Promise<ReaderBook> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // A kill leaves a temporary file behind.
    for (const name of await readdir(dir)) if (name.endsWith(".tmp")) await rm(join(dir, name));
    return new ReaderBook(dir, await readRecords(dir, damaged));
  }

  get size(): number {
    return this.#records.size;
  }

  get(channel: Omit<ShownVoucher, "amount" | "signature">): ReaderRecord | undefined {
    return this.#records.get(nameOf(channel));
  }

  all(): IterableIterator<ReaderRecord> {
    return this.#records.values();
  }

  async put(record: ReaderRecord): Promise<void> {
    const name = nameOf(record.voucher);
    const path = join(this.#dir, name + ending);
    await namingFullDisk(this.#dir, () => writeFileAtomic(path, textOf(record), 0o600));
    this.#records.set(name, record);
  }

  /**
   * Makes room for one more account: of a channel that has expired, whose voucher is worth nothing any more; first of a reader that owes nothing.
   * @returns false if every channel is open
   */
  async makeRoom(head: number, most = mostReaders): Promise<boolean> {
    if (this.size < most) return true;
    const over = [...this.#records.values()].filter(({ expiry }) => expiry <= head);
    const isOwing = ({ owed, promised }: ReaderRecord): number => (owed > promised ? 1 : 0);
    const [first] = over.toSorted((a, b) => isOwing(a) - isOwing(b) || a.expiry - b.expiry);
    if (first === undefined) return false;
    const name = nameOf(first.voucher);
    this.#records.delete(name);
    await rm(join(this.#dir, name + ending), { force: true });
    await syncPath(this.#dir);
    return true;
  }
}
