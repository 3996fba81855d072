import { describe, expect, it } from "vitest";
import { decideValue, lowerMedian } from "../../../protocol/median.ts";

describe("lower median (R22)", () => {
  it("is the middle of an odd number of values and the lower middle of an even number", () => {
    expect(lowerMedian([5n, 1n, 9n])).toBe(5n);
    expect(lowerMedian([5n, 1n, 9n, 7n])).toBe(5n);
    expect(lowerMedian([4n])).toBe(4n);
  });

  it("compares numerically and does not change its input", () => {
    const values = [10n, 9n, 2n];
    expect(lowerMedian(values)).toBe(9n);
    expect(values).toEqual([10n, 9n, 2n]);
  });

  it("refuses an empty list", () => {
    expect(() => lowerMedian([])).toThrow("at least one value");
  });
});

describe("decision (R22)", () => {
  it("agrees exactly at the tolerance and not one unit beyond", () => {
    expect(decideValue([10_000n, 10_100n, 20_000n], 1, 0)).toEqual({ value: 10_100n, agreed: false });
    expect(decideValue([9_999n, 10_100n, 20_000n], 1, 100)).toEqual({ value: 10_100n, agreed: true });
    expect(decideValue([9_998n, 10_100n, 20_000n], 1, 100)).toEqual({ value: 10_100n, agreed: false });
  });

  it("needs f+1 values near the median, itself included", () => {
    expect(decideValue([1n, 2n, 100n, 100n, 200n], 2, 0)).toEqual({ value: 100n, agreed: false });
    expect(decideValue([1n, 100n, 100n, 100n, 200n], 2, 0)).toEqual({ value: 100n, agreed: true });
  });

  it("agrees on zero only if f+1 say zero", () => {
    expect(decideValue([0n, 0n, 7n], 1, 100)).toEqual({ value: 0n, agreed: true });
    expect(decideValue([0n, 1n, 2n], 1, 100)).toEqual({ value: 1n, agreed: false });
  });
});
