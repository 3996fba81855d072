/** Limit of the age of the newest block, from the chain's own block times: distinguishes a stopped chain from a slow one. */

/** With a lower limit, a busy machine or a slow endpoint would look like a stopped chain. */
const leastLimit_s = 10;
const usualBlocks = 5;
/** Number of blocks whose block times are used. */
const countedBlocks = 100;
/** Limit of stored timestamps: a start reads the blocks of a whole turn. */
const maxNotes = 1_024;

/** The larger of 10 s and five times the 95th percentile of the block times. */
export function headAgeLimit_s(blockTimes_s: readonly number[]): number {
  const sorted = [...blockTimes_s].sort((a, b) => a - b);
  const percentile_s = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
  return Math.max(leastLimit_s, usualBlocks * percentile_s);
}

export type HeadLook = {
  /** Undefined if no block was seen since the start. */
  readonly block: number | undefined;
  /** Age and limit are in tenths of a second: readiness, metrics and alerts compare the same figures. */
  readonly age_s: number;
  readonly limit_s: number;
  /** Older than the limit: the chain or the connection to it has stopped. */
  readonly isOld: boolean;
};

/** Seconds with one decimal. */
function inTenths(value_s: number): number {
  return Math.round(value_s * 10) / 10;
}

/** Text about a head that is too old; it stays the same while the head ages, so logs do not repeat it. */
export function oldHeadText({ block, limit_s }: Pick<HeadLook, "block" | "limit_s">): string {
  const limit = `${limit_s} s`;
  return block === undefined
    ? `no block was seen since the start, expected one within ${limit}`
    : `the newest block is ${block} and older than ${limit}, expected a newer one`;
}

/** Text about a chain that shows no new blocks; like the text of its head, it stays the same meanwhile. */
export function stoppedText(look: Pick<HeadLook, "block" | "limit_s">): string {
  return `no new block: the chain has stopped or cannot be reached: ${oldHeadText(look)}`;
}

export class ChainPace {
  /** Time of the first reading. */
  #startedAt_ms: number | undefined;
  /** Timestamps by block, oldest note first. */
  readonly #times_s = new Map<number, number>();
  #head: { readonly block: number; readonly seenAt_ms: number } | undefined;

  /** Stores the timestamp of a block. */
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
    // Drop blocks that a reorg removed, and all but one of those older than the counted blocks.
    const older = [...this.#times_s.keys()].filter((noted) => noted <= block - countedBlocks);
    const base = Math.max(...older);
    for (const noted of this.#times_s.keys()) {
      if (noted > block || noted < base) this.#times_s.delete(noted);
    }
  }

  /** Block times of the last 100 blocks, newest first; the mean where blocks in between were not seen. */
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
   * Age of the head: the time since it was first seen, or since its timestamp if that is longer, as after a start on a stopped
   * chain.
   * @param clockAhead_ms known offset of this machine's clock
   */
  look(now_ms: number, clockAhead_ms = 0): HeadLook {
    this.#startedAt_ms ??= now_ms;
    const limit_s = inTenths(headAgeLimit_s(this.blockTimes_s()));
    const head = this.#head;
    const timestamp_s = head === undefined ? undefined : this.#times_s.get(head.block);
    const seen_s = (now_ms - (head?.seenAt_ms ?? this.#startedAt_ms)) / 1000;
    const made_s = timestamp_s === undefined ? 0 : (now_ms - clockAhead_ms) / 1000 - timestamp_s;
    const age_s = inTenths(Math.max(0, seen_s, made_s));
    return { block: head?.block, age_s, limit_s, isOld: age_s > limit_s };
  }
}
