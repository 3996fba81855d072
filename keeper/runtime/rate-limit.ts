/** How often somebody may do something: a bucket of tokens for each name, as many names as there are members. */
export type RateLimitOptions = { readonly burst: number; readonly perSecond: number };

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #now_ms: () => number;
  readonly #buckets = new Map<string, { readonly tokens: number; readonly at_ms: number }>();

  constructor(options: RateLimitOptions, now_ms: () => number) {
    this.#options = options;
    this.#now_ms = now_ms;
  }

  /** True if `name` has a token left, which is then spent. Names are bounded by the caller. */
  allows(name: string): boolean {
    const { burst, perSecond } = this.#options;
    const now_ms = this.#now_ms();
    const bucket = this.#buckets.get(name) ?? { tokens: burst, at_ms: now_ms };
    const tokens = Math.min(burst, bucket.tokens + ((now_ms - bucket.at_ms) / 1000) * perSecond);
    this.#buckets.set(name, { tokens: tokens < 1 ? tokens : tokens - 1, at_ms: now_ms });
    return tokens >= 1;
  }
}
