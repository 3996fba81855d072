import { describe, expect, it } from "vitest";
import { TokenBuckets } from "../../../../protocol/limits/token-buckets.ts";

const rate = { burst: 3, perSecond: 2 };

function bucketsAt(maxNames = 8): { buckets: TokenBuckets; clock: { now_ms: number } } {
  const clock = { now_ms: 0 };
  return { buckets: new TokenBuckets(maxNames, () => clock.now_ms), clock };
}

describe("token buckets", () => {
  it("allow a burst, then a constant rate, for each name", () => {
    const { buckets, clock } = bucketsAt();
    const taken = (name: string, tries: number): number =>
      Array.from({ length: tries }, () => buckets.take(name, rate)).filter(Boolean).length;
    expect(taken("a", 10)).toBe(3);
    expect(taken("b", 2)).toBe(2);
    clock.now_ms = 1_000;
    expect(taken("a", 10)).toBe(2);
    clock.now_ms = 60_000;
    expect(taken("a", 10)).toBe(3);
  });

  it("take nothing if too few tokens are left, and nothing for a query", () => {
    const { buckets } = bucketsAt();
    expect(buckets.take("a", rate, 4)).toBe(false);
    expect(buckets.has("a", rate, 3)).toBe(true);
    expect(buckets.take("a", rate, 3)).toBe(true);
    expect(buckets.has("a", rate)).toBe(false);
  });

  it("hold no more than the burst after tokens are given back", () => {
    const { buckets } = bucketsAt();
    buckets.take("a", rate, 2);
    buckets.giveBack("a", rate, 2);
    buckets.giveBack("a", rate, 2);
    expect(buckets.has("a", rate, 3)).toBe(true);
    expect(buckets.has("a", rate, 4)).toBe(false);
  });

  it("forget the name that was unused for the longest time", () => {
    const { buckets } = bucketsAt(2);
    buckets.take("a", rate, 3);
    buckets.take("b", rate, 3);
    buckets.take("a", rate);
    buckets.take("c", rate);
    expect(buckets.has("a", rate)).toBe(false);
    expect(buckets.has("b", rate, 3)).toBe(true);
  });
});
