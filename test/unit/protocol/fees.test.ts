import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  defaultFeeLimits,
  feesFor,
  feesToReplace,
  limitsToReplace,
  marketOf,
} from "../../../protocol/fees.ts";
import type { FeeLimits, GasFees } from "../../../protocol/fees.ts";

const limits: FeeLimits = { tipFloor: 2n, tipCap: 100n, feeCap: 1_000n };
const hex = (value: number): string => `0x${value.toString(16)}`;

function history(bases: number[], tips: number[], ratios = tips.map(() => 0.5)): object {
  return { baseFeePerGas: bases.map(hex), gasUsedRatio: ratios, reward: tips.map((tip) => [hex(tip)]) };
}

describe("the fees of recent blocks", () => {
  it("has the mean base fee, that of the next block, and the median tip", () => {
    expect(marketOf(history([10, 20, 30, 35], [5, 90, 7]), limits)).toEqual({
      base: 20n,
      nextBase: 35n,
      tip: 7n,
    });
  });

  it("does not count the tips of empty blocks", () => {
    const { tip } = marketOf(history([10, 10, 10, 10], [0, 0, 9], [0, 0, 0.1]), limits);
    expect(tip).toBe(9n);
  });

  it("keeps the tip between floor and cap, and uses the floor if recent blocks have no tips", () => {
    const tipOf = (tips: number[], ratios?: number[]): bigint =>
      marketOf(history([1, ...tips.map(() => 1)], tips, ratios), limits).tip;
    expect([tipOf([1]), tipOf([101]), tipOf([50]), tipOf([50], [0])]).toEqual([2n, 100n, 50n, 2n]);
    expect(marketOf({ baseFeePerGas: ["0x1", "0x1"], gasUsedRatio: [0] }, limits).tip).toBe(2n);
  });

  it.each([
    ["nothing", null],
    ["no base fees", history([], [])],
    ["one base fee", history([1], [])],
    ["numbers", { baseFeePerGas: [1, 2], gasUsedRatio: [0], reward: [["0x1"]] }],
    ["an endless number", { baseFeePerGas: ["0x1", `0x${"f".repeat(40)}`], gasUsedRatio: [0] }],
    ["a reward without an amount", { baseFeePerGas: ["0x1", "0x1"], gasUsedRatio: [1], reward: [[]] }],
  ])("is not read from %s", (_what, answer) => {
    expect(() => marketOf(answer, limits)).toThrow(/^fee history: expected/);
  });
});

const amounts = fc.record({
  base: fc.bigInt(0n, 2n * 10n ** 12n),
  nextBase: fc.bigInt(0n, 2n * 10n ** 12n),
  tip: fc.bigInt(0n, defaultFeeLimits.tipCap),
});

describe("fees", () => {
  it("never exceed the limits after any number of raises, and each raise replaces the pending transaction", () => {
    fc.assert(
      fc.property(amounts, fc.array(amounts, { maxLength: 60 }), (first, later) => {
        let fees = feesFor(first, defaultFeeLimits);
        for (const market of later) {
          const more = feesToReplace(fees, feesFor(market, defaultFeeLimits), defaultFeeLimits);
          if (more === undefined) continue;
          for (const name of ["maxFeePerGas", "maxPriorityFeePerGas"] as const) {
            expect(more[name] * 100n).toBeGreaterThanOrEqual(fees[name] * 110n);
          }
          fees = more;
        }
        expect(fees.maxFeePerGas).toBeLessThanOrEqual(defaultFeeLimits.feeCap);
        expect(fees.maxPriorityFeePerGas).toBeLessThanOrEqual(defaultFeeLimits.tipCap);
        expect(fees.maxPriorityFeePerGas).toBeLessThanOrEqual(fees.maxFeePerGas);
      }),
    );
  });

  it("of a cancellation always replace a settlement at its limits, and cost at most 1/8 more", () => {
    const atLimit: GasFees = {
      maxFeePerGas: defaultFeeLimits.feeCap,
      maxPriorityFeePerGas: defaultFeeLimits.tipCap,
    };
    expect(feesToReplace(atLimit, atLimit, defaultFeeLimits)).toBeUndefined();
    const cancel = feesToReplace(atLimit, atLimit, limitsToReplace(defaultFeeLimits));
    expect(cancel?.maxFeePerGas).toBe((defaultFeeLimits.feeCap * 9n) / 8n + 1n);
    expect(cancel?.maxPriorityFeePerGas).toBe((defaultFeeLimits.tipCap * 9n) / 8n + 1n);
  });
});
