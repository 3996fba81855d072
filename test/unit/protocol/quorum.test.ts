import { describe, expect, it } from "vitest";
import { faultBound, isCommitteeSize, maxCommitteeSize, quorum } from "../../../protocol/quorum.ts";

describe("committee sizes (R2)", () => {
  it("accepts exactly 3f+1 from 4 to 124", () => {
    const accepted = Array.from({ length: 140 }, (_, n) => n).filter(isCommitteeSize);
    expect(accepted[0]).toBe(4);
    expect(accepted.at(-1)).toBe(maxCommitteeSize);
    expect(accepted).toHaveLength(41);
    expect(accepted.every((n, i) => n === 4 + 3 * i)).toBe(true);
  });

  it("refuses numbers that are not integers", () => {
    for (const n of [4.5, -4, Number.NaN, Number.POSITIVE_INFINITY]) expect(isCommitteeSize(n)).toBe(false);
  });

  it("gives f and q = 2f+1", () => {
    expect([4, 7, 31, 124].map(faultBound)).toEqual([1, 2, 10, 41]);
    expect([4, 7, 31, 124].map(quorum)).toEqual([3, 5, 21, 83]);
  });

  it("throws with expected and actual for another size", () => {
    expect(() => quorum(5)).toThrow("expected 3f+1 in 4..124, actual 5");
  });
});
