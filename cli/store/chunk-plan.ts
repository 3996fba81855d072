/**
 * Divides the chunks of an item among the readers; each reader reads from one provider. A reader reads a span from its beginning to its end.
 * A reader without a span takes the second half of the longest span, or a whole span whose reader stalls. So the fastest provider delivers
 * most, and none delays the end.
 */
import type { Span } from "./plain-file.ts";

/** A span that a reader reads. `from` increases as chunks arrive; `end` decreases when another reader takes a part. */
export type Claim = { from: number; end: number; movedAt_ms: number };

type Free = Span & { readonly refusedBy: ReadonlySet<number> };

/** A reader stalls if no chunk of its span arrives within this time. */
export const stall_ms = 2_000;

export class ChunkPlan {
  readonly #leastSplit: number;
  readonly #now_ms: () => number;
  #free: Free[];
  readonly #claims = new Map<Claim, { readonly reader: number; readonly refusedBy: ReadonlySet<number> }>();

  /** @param leastSplit a span is divided if at least this number of its chunks is missing */
  constructor(gaps: readonly Span[], leastSplit: number, now_ms: () => number) {
    this.#leastSplit = leastSplit;
    this.#now_ms = now_ms;
    this.#free = gaps.map((gap) => ({ ...gap, refusedBy: new Set() }));
  }

  /** Whether no span is being read. */
  get isIdle(): boolean {
    return this.#claims.size === 0;
  }

  /** A span for this reader; undefined if it can take none now. */
  claim(reader: number): Claim | undefined {
    const free = this.#free.findIndex(({ refusedBy }) => !refusedBy.has(reader));
    if (free !== -1) {
      const [{ from, end, refusedBy }] = this.#free.splice(free, 1) as [Free];
      return this.#begin(reader, from, end, refusedBy);
    }
    const others = [...this.#claims].filter(([, one]) => one.reader !== reader && !one.refusedBy.has(reader));
    const longest = others.toSorted(([a], [b]) => b.end - b.from - (a.end - a.from))[0];
    if (longest === undefined) return undefined;
    const [claim, { refusedBy }] = longest;
    const length = claim.end - claim.from;
    if (length >= this.#leastSplit) {
      const middle = claim.from + Math.ceil(length / 2);
      const taken = this.#begin(reader, middle, claim.end, refusedBy);
      claim.end = middle;
      return taken;
    }
    // Both readers read the stalled span now, and the chunk that arrives first is used. At most two readers read a span.
    const stalled = others.find(
      ([one]) => one.end > one.from && this.#now_ms() - one.movedAt_ms >= stall_ms && !this.#isReadTwice(one),
    );
    return stalled && this.#begin(reader, stalled[0].from, stalled[0].end, stalled[1].refusedBy);
  }

  #isReadTwice(claim: Claim): boolean {
    return [...this.#claims.keys()].some(
      (other) => other !== claim && other.from < claim.end && claim.from < other.end,
    );
  }

  #begin(reader: number, from: number, end: number, refusedBy: ReadonlySet<number>): Claim {
    const claim = { from, end, movedAt_ms: this.#now_ms() };
    this.#claims.set(claim, { reader, refusedBy });
    return claim;
  }

  /** Chunks of the claim arrived. @param from the first chunk that is missing */
  moved(claim: Claim, from: number): void {
    claim.from = Math.max(claim.from, from);
    claim.movedAt_ms = this.#now_ms();
  }

  /** Ends a claim. Other readers may take its missing chunks; this reader is not given them again. */
  end(claim: Claim, missing: readonly Span[]): void {
    const ended = this.#claims.get(claim);
    this.#claims.delete(claim);
    if (ended === undefined) return;
    const refusedBy = new Set([...ended.refusedBy, ended.reader]);
    this.#free.push(...missing.map((span) => ({ ...span, refusedBy })));
  }
}
