/** R4: the shortest lockup of a group, as the committee that it enters checks it. */
import { describe, expect, it } from "vitest";
import { brokenBound, lockupBound } from "../../../protocol/group-bounds.ts";

const rhythm = { interval: 40, turn: 30, slot: 5, answer: 2, confirmations: 1, toleranceBps: 100 };

describe("the shortest lockup", () => {
  it.each([
    [4, 40 + 2 * 30],
    [7, 40 + 3 * 30],
    [124, 40 + 42 * 30],
  ])("of a group in a committee of %i is h + (f+1)·t: %i blocks", (n, least) => {
    expect(lockupBound(rhythm, n)).toBe(least);
    expect(brokenBound({ ...rhythm, lockup: least, keeperShareBps: 1_000 }, n)).toBeUndefined();
    expect(brokenBound({ ...rhythm, lockup: least - 1, keeperShareBps: 1_000 }, n)).toEqual({
      rule: "lockup >= interval+(f+1)*turn",
      expected: BigInt(least),
      actual: BigInt(least - 1),
    });
  });
});
