/**
 * Which provider reads which chunks of an item. Each one reads a span from its beginning to its end; one that has nothing to do takes half of
 * the longest span that is left, or all of one whose provider stalls. So the fastest reads most, and nobody is waited for.
 */
import type { Span } from "./plain-file.ts";

/** A span that is being read. Its beginning moves on, and its end moves back when another provider takes a part. */
export type Claim = { from: number; end: number; movedAt_ms: number };

type Free = Span & { readonly refusedBy: ReadonlySet<number> };

/** A provider counts as stalled if it brings nothing for this time. */
const stall_ms = 2_000;

export class ChunkPlan {
  readonly #leastSplit: number;
  readonly #now_ms: () => number;
  #free: Free[];
  readonly #claims = new Map<Claim, { readonly reader: number; readonly refusedBy: ReadonlySet<number> }>();

  /** @param leastSplit chunks of the shortest span of which another provider takes half */
  constructor(gaps: readonly Span[], leastSplit: number, now_ms: () => number) {
    this.#leastSplit = leastSplit;
    this.#now_ms = now_ms;
    this.#free = gaps.map((gap) => ({ ...gap, refusedBy: new Set() }));
  }

  /** Whether nothing is being read. */
  get isIdle(): boolean {
    return this.#claims.size === 0;
  }

  /** A span for this reader; undefined if there is none for it now. */
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
    // Both read it then, and the first one counts; a reader has at most one claim on the same span.
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

  /** Chunks of the claim arrived; it now begins with the first one that is missing. */
  moved(claim: Claim, from: number): void {
    claim.from = Math.max(claim.from, from);
    claim.movedAt_ms = this.#now_ms();
  }

  /** The reader ends. What is missing of the claim is for the others. */
  end(claim: Claim, missing: readonly Span[]): void {
    const ended = this.#claims.get(claim);
    this.#claims.delete(claim);
    if (ended === undefined) return;
    const refusedBy = new Set([...ended.refusedBy, ended.reader]);
    this.#free.push(...missing.map((span) => ({ ...span, refusedBy })));
  }
}
