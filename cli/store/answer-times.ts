/** How long the providers of an item take to answer, and which of them gives no answer although the others do. */

/** A provider is not called silent before this many times the answers that came, its own and those of others. */
const timesUsual = 4;

/** Requests to one provider. Times are in ms of a clock that only increases. */
export class AnswerTimes {
  readonly #now_ms: () => number;
  readonly #open = new Set<{ readonly since_ms: number }>();
  #answered_ms = Number.NEGATIVE_INFINITY;
  readonly #took_ms: number[] = [];

  constructor(now_ms: () => number) {
    this.#now_ms = now_ms;
  }

  /** Measures one request. @returns its answer */
  async of<T>(request: Promise<T>): Promise<T> {
    const one = { since_ms: this.#now_ms() };
    this.#open.add(one);
    try {
      const answer = await request;
      this.#answered_ms = this.#now_ms();
      this.#took_ms.push(this.#answered_ms - one.since_ms);
      return answer;
    } finally {
      this.#open.delete(one);
    }
  }

  /** Time since the last answer during which a request waited; 0 if none waits. */
  get silent_ms(): number {
    if (this.#open.size === 0) return 0;
    const first_ms = Math.min(...[...this.#open].map(({ since_ms }) => since_ms));
    return this.#now_ms() - Math.max(first_ms, this.#answered_ms);
  }

  /** The usual time of an answer: the median; 0 without an answer. */
  get usual_ms(): number {
    const sorted = this.#took_ms.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }
}

/**
 * How long each provider has given no answer, by its index; undefined for one that answers as usual. A slow provider answers as slowly as
 * before, so it is measured by its own answers, too.
 * @param least_ms a shorter silence counts for none
 */
export function silences(all: readonly AnswerTimes[], least_ms: number): readonly (number | undefined)[] {
  const usual_ms = Math.max(...all.map((one) => one.usual_ms));
  return all.map(({ silent_ms }) =>
    silent_ms >= Math.max(least_ms, timesUsual * usual_ms) ? silent_ms : undefined,
  );
}
