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
/** Groups in one request for logs: some endpoints refuse longer lists of addresses. */
const rangeGroups = 100;
const pageSettlements = 50;
/**
 * Blocks that a group is followed after it has left: more than an endpoint lags behind, and more than a chain in use reorganises (two epochs
 * of Ethereum).
 */
export const finalBlocks = 64;
const again_ms = 200;
const maxWait_ms = 60_000;

export type BookkeeperDependencies = {
  readonly books: BooksPort;
  readonly history: HistoryPort;
  readonly clock: ClockPort;
  /** Called with new settlements. */
  readonly onBooked?: (settlements: readonly BookedSettlement[]) => void;
  /** Empty: not about one group. */
  readonly onTrouble: (group: Hex | "", error: unknown) => void;
};

export class Bookkeeper {
  readonly #groups: () => readonly Hex[];
  readonly #on: BookkeeperDependencies;
  /** By group that is not served any more: the head at which this was seen first. */
  readonly #leftAt = new Map<Hex, number>();

  /** @param groups served now; others may come while it runs (R39) */
  constructor(groups: () => readonly Hex[], on: BookkeeperDependencies) {
    this.#groups = groups;
    this.#on = on;
  }

  /** Follows the head until `signal` aborts. A group that cannot be read does not delay the others. */
  async run(every_ms: number, signal: AbortSignal): Promise<void> {
    let wait_ms = every_ms;
    while (!signal.aborted) {
      const whole = await this.pass(signal).catch((error: unknown) => this.#trouble("", error, signal));
      wait_ms = whole ? every_ms : Math.min(2 * wait_ms, maxWait_ms);
      await this.#on.clock.sleep(wait_ms, signal);
    }
  }

  /** Books all groups through the present head. False: one of them could not be read. */
  async pass(signal?: AbortSignal): Promise<boolean> {
    const { books, history } = this.#on;
    const head = await history.head();
    const served = new Set(this.#groups());
    // A group that left while the keeper was down may have been settled once more, so the ledger's groups are read, too.
    const cursors = await books.followed();
    await this.#finish(served, cursors, head.block);
    const groups = [...new Set([...served, ...cursors.keys()])];
    const behind = groups.filter((group) => cursors.get(group)?.blockHash !== head.blockHash);
    let whole = true;
    // An endpoint that fails at many groups at once may still answer for one of them.
    const alone = await this.#moveTogether(behind, cursors, head).catch((error: unknown) => {
      whole = this.#trouble("", error, signal);
      return behind;
    });
    for (const group of alone) {
      if (signal?.aborted === true) return true;
      try {
        await this.catchUp(group, undefined, head);
      } catch (error) {
        whole = this.#trouble(group, error, signal);
      }
    }
    return whole;
  }

  #trouble(group: Hex | "", error: unknown, signal: AbortSignal | undefined): false {
    if (signal?.aborted !== true) this.#on.onTrouble(group, error);
    return false;
  }

  /**
   * Moves the cursors of all groups that have no settlement since a common cursor, with two requests for a hundred groups. A keeper of a
   * thousand groups would otherwise need some thousand requests for each block (R40).
   * @returns the other groups, which need a catch-up of their own
   */
  async #moveTogether(
    groups: readonly Hex[],
    cursors: ReadonlyMap<Hex, Cursor>,
    head: Cursor,
  ): Promise<readonly Hex[]> {
    const alone: Hex[] = [];
    const together = new Map<Hex, { from: Cursor; members: Hex[] }>();
    for (const group of groups) {
      const from = cursors.get(group);
      if (from === undefined || from.block >= head.block || head.block - from.block > rangeBlocks)
        alone.push(group);
      else {
        const one = together.get(from.blockHash) ?? { from, members: [] };
        one.members.push(group);
        together.set(from.blockHash, one);
      }
    }
    const to: Cursor = { block: head.block, blockHash: head.blockHash };
    for (const { from, members } of together.values()) {
      const moved = await this.#moveMembers(members, { from, to });
      alone.push(...members.filter((group) => !moved.has(group)));
    }
    return alone;
  }

  /** @returns the groups that moved */
  async #moveMembers(members: readonly Hex[], move: { from: Cursor; to: Cursor }): Promise<ReadonlySet<Hex>> {
    const { books, history } = this.#on;
    const { from, to } = move;
    const moved = new Set<Hex>();
    if (members.length < 2 || (await history.blockHash(from.block)) !== from.blockHash) return moved;
    for (let i = 0; i < members.length; i += rangeGroups) {
      const part = members.slice(i, i + rangeGroups);
      const settled = await history.settled(part, from.block + 1, to.block);
      // The chain moved during the request.
      if ((await history.blockHash(to.block)) !== to.blockHash) return moved;
      const quiet = part.filter((group) => !settled.has(group));
      await books.advance(quiet, move);
      for (const group of quiet) moved.add(group);
    }
    return moved;
  }

  /** Ends to follow a group that is not served any more, once it is booked so far that nothing of its last settlement can change. */
  async #finish(served: ReadonlySet<Hex>, cursors: Map<Hex, Cursor>, head: number): Promise<void> {
    for (const group of this.#leftAt.keys()) {
      if (served.has(group) || !cursors.has(group)) this.#leftAt.delete(group);
    }
    for (const [group, cursor] of cursors) {
      if (served.has(group)) continue;
      const leftAt = this.#leftAt.get(group) ?? head;
      this.#leftAt.set(group, leftAt);
      if (cursor.block < leftAt + finalBlocks) continue;
      await this.#on.books.finish(group, cursor);
      cursors.delete(group);
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
