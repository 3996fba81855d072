/**
 * Writes every settlement of the groups from the chain into the ledger, whichever account submitted it, and removes settlements that a
 * reorg removed. A rebuild does the same from the first block, so it ends with the same rows.
 */
import type { Hex } from "../../protocol/hash.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { HistoryPort } from "../ports/history.ts";
import type { BookedSettlement, BooksPort, Cursor } from "../ports/ledger.ts";

/** Blocks in one request for logs: endpoints refuse larger ranges. */
const rangeBlocks = 1_000;
const pageSettlements = 50;
const again_ms = 200;
const maxWait_ms = 60_000;

export type BookkeeperDependencies = {
  readonly books: BooksPort;
  readonly history: HistoryPort;
  readonly clock: ClockPort;
  /** Called with new settlements. */
  readonly onBooked?: (settlements: readonly BookedSettlement[]) => void;
  readonly onTrouble: (group: Hex, error: unknown) => void;
};

export class Bookkeeper {
  readonly #groups: () => readonly Hex[];
  readonly #on: BookkeeperDependencies;

  /** @param groups to book; others may come while it runs (R39) */
  constructor(groups: () => readonly Hex[], on: BookkeeperDependencies) {
    this.#groups = groups;
    this.#on = on;
  }

  /** Follows the head until `signal` aborts. A group that cannot be read does not delay the others. */
  async run(every_ms: number, signal: AbortSignal): Promise<void> {
    let wait_ms = every_ms;
    /** By group: hash of the head through which it is booked. */
    const done = new Map<Hex, Hex>();
    while (!signal.aborted) {
      let troubled = false;
      for (const group of this.#groups()) {
        if (signal.aborted) return;
        try {
          const head = await this.#on.history.head();
          if (done.get(group) === head.blockHash) continue;
          if (await this.catchUp(group, undefined, head)) done.set(group, head.blockHash);
        } catch (error) {
          troubled = true;
          if (!signal.aborted) this.#on.onTrouble(group, error);
        }
      }
      wait_ms = troubled ? Math.min(2 * wait_ms, maxWait_ms) : every_ms;
      await this.#on.clock.sleep(wait_ms, signal);
    }
  }

  /**
   * Books the group through the present head and calls `progress` after each range. False: the chain or another process has moved in
   * the meantime, so the group is not fully booked.
   */
  async catchUp(
    group: Hex,
    progress: (block: number, head: number) => void = () => undefined,
    known?: Cursor,
  ): Promise<boolean> {
    const { books, history } = this.#on;
    const head = known ?? (await history.head());
    const start = await this.#canonicalCursor(group);
    if (start === "moved") return false;
    let cursor = start;
    while (cursor === undefined || cursor.block < head.block) {
      const from: number = cursor === undefined ? await history.origin(group) : cursor.block + 1;
      const to = Math.min(head.block, from + rangeBlocks - 1);
      const blockHash = to === head.block ? head.blockHash : await history.blockHash(to);
      const found = await history.settlements(group, from, to);
      // The chain moved during this pass. The settlements may be of two branches, so none is booked.
      if (blockHash === undefined || (await history.blockHash(to)) !== blockHash) return false;
      const next: Cursor = { block: to, blockHash };
      if (!(await books.book(group, found, { from: cursor, to: next }))) return false;
      if (found.length > 0) this.#on.onBooked?.(found);
      progress(to, head.block);
      cursor = next;
    }
    return true;
  }

  /** Deletes all settlements of the group and reads them again from the first block. */
  async rebuild(
    group: Hex,
    progress: (block: number, head: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { books, clock } = this.#on;
    const again = (): Promise<void> => clock.sleep(again_ms, signal);
    while (!(await books.rewind(group, { from: await books.cursor(group), to: undefined }))) await again();
    while (!(await this.catchUp(group, progress))) await again();
  }

  /** The block through which the ledger agrees with the chain. Later settlements are removed. */
  async #canonicalCursor(group: Hex): Promise<Cursor | undefined | "moved"> {
    const { books, history } = this.#on;
    const from = await books.cursor(group);
    if (from === undefined) return from;
    const blockHash = await history.blockHash(from.block);
    if (blockHash === from.blockHash) return from;
    // A lagging endpoint does not have this block yet. That is not a reorg.
    if (blockHash === undefined) return "moved";
    const to = await this.#newestCanonical(group);
    return (await books.rewind(group, { from, to })) ? to : "moved";
  }

  /** The block of the newest booked settlement that is still on the chain. */
  async #newestCanonical(group: Hex): Promise<Cursor | undefined> {
    const { books, history } = this.#on;
    for (let before: number | undefined; ;) {
      const page = await books.settlements(group, before, pageSettlements);
      for (const { transaction } of page) {
        const { block, blockHash } = transaction;
        if ((await history.blockHash(block)) === blockHash) return { block, blockHash };
      }
      before = page.at(-1)?.ts;
      if (before === undefined) return undefined;
    }
  }
}
