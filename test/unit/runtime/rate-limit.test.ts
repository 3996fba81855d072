import { describe, expect, it } from "vitest";
import { RateLimit } from "../../../keeper/runtime/rate-limit.ts";

describe("a rate limit", () => {
  it("lets a burst through, then so many a second, for each name by itself", () => {
    let now_ms = 0;
    const limit = new RateLimit({ burst: 3, perSecond: 2 }, () => now_ms);
    const taken = (name: string, tries: number): number =>
      Array.from({ length: tries }, () => limit.allows(name)).filter(Boolean).length;
    expect(taken("a", 10)).toBe(3);
    expect(taken("b", 2)).toBe(2);
    now_ms = 1_000;
    expect(taken("a", 10)).toBe(2);
    now_ms = 60_000;
    expect(taken("a", 10)).toBe(3);
  });
});
