/** Token buckets, one for each name: the only rate limit of keepers and providers (D6, L4). */
export type Rate = {
  /** Tokens of a full bucket. */
  readonly burst: number;
  readonly perSecond: number;
};

type Bucket = { readonly tokens: number; readonly at_ms: number };

export class TokenBuckets {
  readonly #maxNames: number;
  readonly #now_ms: () => number;
  /** In the order of use, the name used last at the end. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param maxNames beyond this number, the name that was unused for the longest time is forgotten */
  constructor(maxNames: number, now_ms: () => number) {
    this.#maxNames = maxNames;
    this.#now_ms = now_ms;
  }

  /** Whether `name` has that many tokens left; takes none. */
  has(name: string, rate: Rate, tokens = 1): boolean {
    return this.#left(name, rate) >= tokens;
  }

  /** Takes the tokens if that many are left, else none. A cost above the burst is always refused. */
  take(name: string, rate: Rate, tokens = 1): boolean {
    const left = this.#left(name, rate);
    const enough = left >= tokens;
    this.#keep(name, enough ? left - tokens : left);
    return enough;
  }

  /** Takes the tokens, into debt if they are not left. Returns the time until the debt is paid off, in ms. */
  charge(name: string, rate: Rate, tokens: number): number {
    const left = this.#left(name, rate) - tokens;
    this.#keep(name, left);
    return left >= 0 ? 0 : (-left / rate.perSecond) * 1000;
  }

  /** Returns tokens that were taken for an action which cost nothing in the end. */
  giveBack(name: string, rate: Rate, tokens = 1): void {
    const left = Math.min(rate.burst, this.#left(name, rate) + tokens);
    this.#buckets.set(name, { tokens: left, at_ms: this.#now_ms() });
  }

  #keep(name: string, tokens: number): void {
    this.#buckets.delete(name);
    this.#buckets.set(name, { tokens, at_ms: this.#now_ms() });
    if (this.#buckets.size > this.#maxNames)
      this.#buckets.delete(this.#buckets.keys().next().value as string);
  }

  #left(name: string, { burst, perSecond }: Rate): number {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.tokens + ((this.#now_ms() - bucket.at_ms) / 1000) * perSecond);
  }
}
