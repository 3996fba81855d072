/**
 * Writes what the chain tells into the ledger: every settlement of the groups, whoever sent it, and nothing that a reorg
 * took back. A rebuild is the same work from the first block, so it ends with the same rows.
 */
import type { Hex } from "../core/hash.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { HistoryPort } from "../ports/history.ts";
import type { BookedSettlement, BooksPort, Cursor } from "../ports/ledger.ts";

/** Blocks of one question for logs: endpoints refuse larger ranges. */
const rangeBlocks = 1_000;
const pageSettlements = 50;

export type BookkeeperDependencies = {
  readonly books: BooksPort;
  readonly history: HistoryPort;
  readonly clock: ClockPort;
  /** Settlements that came in. */
  readonly onBooked?: (settlements: readonly BookedSettlement[]) => void;
  readonly onTrouble: (group: Hex, error: unknown) => void;
};

export class Bookkeeper {
  readonly #groups: readonly Hex[];
  readonly #on: BookkeeperDependencies;

  constructor(groups: readonly Hex[], on: BookkeeperDependencies) {
    this.#groups = groups;
    this.#on = on;
  }

  /** Follows the head until `signal` aborts. A group that cannot be read holds up no other. */
  async run(every_ms: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const group of this.#groups) {
        if (signal.aborted) return;
        try {
          await this.catchUp(group);
        } catch (error) {
          if (!signal.aborted) this.#on.onTrouble(group, error);
        }
      }
      await this.#on.clock.sleep(every_ms, signal);
    }
  }

  /** Books the group through the present head; tells each block that is done. */
  async catchUp(
    group: Hex,
    progress: (block: number, head: number) => void = () => undefined,
  ): Promise<void> {
    const { books, history } = this.#on;
    const head = await history.head();
    const cursor = await this.#canonicalCursor(group);
    let from = cursor === undefined ? await history.origin(group) : cursor.block + 1;
    while (from <= head.block) {
      const to = Math.min(head.block, from + rangeBlocks - 1);
      const blockHash = to === head.block ? head.blockHash : await history.blockHash(to);
      const found = await history.settlements(group, from, to);
      // The chain moved under this pass: what was read may be of two branches, so none of it is kept.
      if (blockHash === undefined || (await history.blockHash(to)) !== blockHash) return;
      await books.book(group, found, { block: to, blockHash });
      if (found.length > 0) this.#on.onBooked?.(found);
      progress(to, head.block);
      from = to + 1;
    }
  }

  /** The block through which the books agree with the chain; what came after it is taken back. */
  async #canonicalCursor(group: Hex): Promise<Cursor | undefined> {
    const { books, history } = this.#on;
    const cursor = await books.cursor(group);
    if (cursor === undefined || (await history.blockHash(cursor.block)) === cursor.blockHash) return cursor;
    let before: number | undefined;
    for (;;) {
      const page = await books.settlements(group, before, pageSettlements);
      for (const { transaction } of page) {
        const { block, blockHash } = transaction;
        if ((await history.blockHash(block)) !== blockHash) continue;
        await books.rewind(group, { block, blockHash });
        return { block, blockHash };
      }
      before = page.at(-1)?.ts;
      if (before === undefined) {
        await books.rewind(group, undefined);
        return undefined;
      }
    }
  }
}
