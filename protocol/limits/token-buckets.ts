/** How much somebody may do: a bucket of tokens for each name. The one rate limit of keepers and providers (D6, L4). */
export type Rate = {
  /** Tokens of a full bucket. */
  readonly burst: number;
  readonly perSecond: number;
};

type Bucket = { readonly tokens: number; readonly at_ms: number };

export class TokenBuckets {
  readonly #maxNames: number;
  readonly #now_ms: () => number;
  /** The name that was seen last is at the end. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param maxNames the name that was not seen for the longest time is forgotten first */
  constructor(maxNames: number, now_ms: () => number) {
    this.#maxNames = maxNames;
    this.#now_ms = now_ms;
  }

  /** Whether `name` has that many tokens left; takes none. */
  has(name: string, rate: Rate, tokens = 1): boolean {
    return this.#left(name, rate) >= tokens;
  }

  /** Takes the tokens if that many are left, else none. A cost above the burst is never met. */
  take(name: string, rate: Rate, tokens = 1): boolean {
    const left = this.#left(name, rate);
    const enough = left >= tokens;
    this.#buckets.delete(name);
    this.#buckets.set(name, { tokens: enough ? left - tokens : left, at_ms: this.#now_ms() });
    if (this.#buckets.size > this.#maxNames)
      this.#buckets.delete(this.#buckets.keys().next().value as string);
    return enough;
  }

  /** Gives tokens back that were taken for something which turned out to cost nothing. */
  giveBack(name: string, rate: Rate, tokens = 1): void {
    const left = Math.min(rate.burst, this.#left(name, rate) + tokens);
    this.#buckets.set(name, { tokens: left, at_ms: this.#now_ms() });
  }

  #left(name: string, { burst, perSecond }: Rate): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.tokens + ((this.#now_ms() - bucket.at_ms) / 1000) * perSecond);
  }
}
