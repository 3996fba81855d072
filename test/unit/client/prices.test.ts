/** Prices: exact bounds by cross-multiplication, so that no formula of the code is repeated (R4, R30, R32). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  costOf,
  feeFor,
  feeNeeded,
  keeperFeeFor,
  paidFor,
  perMonthOf,
  priceFor,
} from "../../../client/prices.ts";
import { GiB, parseAmount, TiB } from "../../../client/units.ts";

const usdc = { address: `0x${"11".repeat(20)}`, symbol: "USDC", decimals: 6 };
const month_ms = 30n * 24n * 3_600_000n;

describe("a price", () => {
  it.each([
    [6, 12, 310_689_185n],
    [6, 2, 51_781_530n],
    [6, 0.25, 6_472_691n],
    [18, 12, 310_689_185_185_185_185_185n],
  ])(
    "of 4 tokens with %i decimals a TiB and month, on blocks of %d s, is %i",
    (decimals, blockTime_s, price) => {
      const perMonth = parseAmount("4", { ...usdc, decimals });
      expect(priceFor({ perMonth, blockTime_s })).toBe(price);
      expect(perMonthOf(price, blockTime_s)).toBe(perMonth);
    },
  );

  it("pays a month never more than was said, and a unit of price more would pay more", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 100n, max: 10n ** 15n }),
        fc.integer({ min: 100, max: 60_000 }),
        fc.constantFrom(GiB, TiB, 1_000_000_000n),
        (perMonth, time_ms, bytes) => {
          const price = priceFor({ perMonth, bytes, blockTime_s: time_ms / 1_000 });
          // price × bytes × blocks / 2^64 against perMonth, blocks = month / block time.
          const scale = (perMonth << 64n) * BigInt(time_ms);
          expect(price * bytes * month_ms).toBeLessThanOrEqual(scale);
          expect((price + 1n) * bytes * month_ms).toBeGreaterThan(scale);
        },
      ),
    );
  });

  it("is the same amount on the way back, wherever a unit of it makes a difference", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 15n }),
        fc.integer({ min: 155, max: 60_000 }),
        (perMonth, time_ms) => {
          const blockTime_s = time_ms / 1_000;
          expect(perMonthOf(priceFor({ perMonth, blockTime_s }), blockTime_s)).toBe(perMonth);
        },
      ),
    );
  });

  it("may be 0 for a volunteer, but not by rounding, and fits 80 bits", () => {
    expect(priceFor({ perMonth: 0n, blockTime_s: 12 })).toBe(0n);
    const refused = expect.objectContaining({ code: "input" });
    expect(() => priceFor({ perMonth: 1n, bytes: 1n << 60n, blockTime_s: 0.001 })).toThrow(refused);
    const tooHigh = expect.objectContaining({
      code: "input",
      hint: expect.stringContaining("a lower price"),
    });
    expect(() => priceFor({ perMonth: 10n ** 30n, blockTime_s: 12 })).toThrow(tooHigh);
    expect(() => priceFor({ perMonth: -1n, blockTime_s: 12 })).toThrow(refused);
    for (const blockTime_s of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-10]) {
      expect(() => priceFor({ perMonth: 4n, blockTime_s })).toThrow(refused);
    }
  });
});

describe("amounts", () => {
  it("are paid rounded down and required rounded up, by less than one unit", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: (1n << 56n) - 1n }),
        fc.bigInt({ min: 1n, max: 1n << 24n }),
        fc.bigInt({ min: 0n, max: (1n << 80n) - 1n }),
        (bytes, blocks, price) => {
          const [paid, cost] = [paidFor(bytes, blocks, price), costOf(bytes, blocks, price)];
          const exact = bytes * blocks * price;
          expect(paid << 64n).toBeLessThanOrEqual(exact);
          expect((paid + 1n) << 64n).toBeGreaterThan(exact);
          expect(cost << 64n).toBeGreaterThanOrEqual(exact);
          expect(cost - paid).toBeLessThanOrEqual(1n);
        },
      ),
    );
  });

  it("of the fee are per provider and 65,536 blocks", () => {
    expect([feeFor(10n, 3n, 65_536n), feeNeeded(10n, 3n, 65_536n)]).toEqual([30n, 30n]);
    expect([feeFor(1n, 1n, 65_535n), feeNeeded(1n, 1n, 1n)]).toEqual([0n, 1n]);
  });

  it("of a month's fee are earned at least", () => {
    const month_blocks = 216_000n;
    const fee = keeperFeeFor(1_000_000n, 12);
    expect(fee * month_blocks).toBeGreaterThanOrEqual(1_000_000n * 65_536n);
    expect((fee - 1n) * month_blocks).toBeLessThan(1_000_000n * 65_536n);
    expect(() => keeperFeeFor(-1n, 12)).toThrow(expect.objectContaining({ code: "input" }));
    expect(() => keeperFeeFor(1n << 100n, 12)).toThrow(expect.objectContaining({ code: "input" }));
  });
});
