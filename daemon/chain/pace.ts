/** How old the newest block may be, by the chain's own pace: this tells a chain that has stopped from a slow one. */

/** Below this a busy machine or a slow endpoint would look like a chain that has stopped. */
const leastLimit_s = 10;
const usualBlocks = 5;
/** Block times of so many blocks are counted. */
const countedBlocks = 100;
/** Timestamps kept at most: a start reads the blocks of a whole turn. */
const maxNotes = 1_024;

/** The larger of 10 s and five times the 95th percentile of the block times given. */
export function headAgeLimit_s(blockTimes_s: readonly number[]): number {
  const sorted = [...blockTimes_s].sort((a, b) => a - b);
  const percentile_s = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
  return Math.max(leastLimit_s, usualBlocks * percentile_s);
}

export type HeadLook = {
  /** Undefined: no block was seen since the start. */
  readonly block: number | undefined;
  readonly age_s: number;
  readonly limit_s: number;
  /** Older than the limit: the chain, or the way to it, has stopped. */
  readonly isOld: boolean;
};

/** Seconds as they are shown. */
export function inTenths(value_s: number): number {
  return Math.round(value_s * 10) / 10;
}

/** What a person needs to know about a head that is too old; the same words as long as it grows older. */
export function oldHeadText({ block, limit_s }: Pick<HeadLook, "block" | "limit_s">): string {
  const limit = `${inTenths(limit_s)} s`;
  return block === undefined
    ? `no block was seen since the start, expected one within ${limit}`
    : `the newest block is ${block} and older than ${limit}, expected a newer one`;
}

export class ChainPace {
  /** Of the first look. */
  #startedAt_ms: number | undefined;
  /** Timestamps by block, oldest note first. */
  readonly #times_s = new Map<number, number>();
  #head: { readonly block: number; readonly seenAt_ms: number } | undefined;

  /** A block of the chain says when it was made. */
  note(block: number, timestamp_s: number): void {
    this.#times_s.delete(block);
    this.#times_s.set(block, timestamp_s);
    if (this.#times_s.size <= maxNotes) return;
    const [oldest] = this.#times_s.keys();
    if (oldest !== undefined) this.#times_s.delete(oldest);
  }

  /** The head is `block` from now on. */
  saw(block: number, now_ms: number): void {
    this.#head = { block, seenAt_ms: now_ms };
    // What a reorg took back says nothing; of what is older than the counted blocks one is enough.
    const older = [...this.#times_s.keys()].filter((noted) => noted <= block - countedBlocks);
    const base = Math.max(...older);
    for (const noted of this.#times_s.keys()) {
      if (noted > block || noted < base) this.#times_s.delete(noted);
    }
  }

  /** Times of the last 100 blocks, newest first; where blocks between two were not seen, their mean. */
  blockTimes_s(): number[] {
    const head = this.#head?.block ?? -1;
    const notes = [...this.#times_s].filter(([block]) => block <= head).sort(([a], [b]) => b - a);
    const times: number[] = [];
    for (const [i, [block, time_s]] of notes.entries()) {
      const before = notes[i + 1];
      if (before === undefined) break;
      const gap = block - before[0];
      const room = Math.min(gap, countedBlocks - times.length);
      for (let n = 0; n < room; n++) times.push(Math.max(0, time_s - before[1]) / gap);
    }
    return times;
  }

  /**
   * The head's age: since it was seen first, or by its own timestamp if that says more, as after a start on a chain that has
   * stopped.
   * @param clockAhead_ms how far this machine's clock is known to be ahead
   */
  look(now_ms: number, clockAhead_ms = 0): HeadLook {
    this.#startedAt_ms ??= now_ms;
    const limit_s = headAgeLimit_s(this.blockTimes_s());
    const head = this.#head;
    const timestamp_s = head === undefined ? undefined : this.#times_s.get(head.block);
    const seen_s = (now_ms - (head?.seenAt_ms ?? this.#startedAt_ms)) / 1000;
    const made_s = timestamp_s === undefined ? 0 : (now_ms - clockAhead_ms) / 1000 - timestamp_s;
    const age_s = Math.max(0, seen_s, made_s);
    return { block: head?.block, age_s, limit_s, isOld: age_s > limit_s };
  }
}
