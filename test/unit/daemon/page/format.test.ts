import { describe, expect, it } from "vitest";
import {
  ago,
  amount,
  blocks,
  bytes,
  coins,
  counted,
  dateOf,
  dateOfBlock,
  exactAmount,
  isEmptyPayment,
  percent,
  shortHex,
  span,
} from "../../../../daemon/page/format.ts";

describe("the format of the page", () => {
  it("writes bytes in binary units with three digits", () => {
    expect([0, 1, 1023, 1024, 2_705_000, 2 ** 60, "18446744073709551615"].map(bytes)).toEqual([
      "0 B",
      "1 B",
      "1023 B",
      "1.00 KiB",
      "2.58 MiB",
      "1.00 EiB",
      "16.0 EiB",
    ]);
  });

  it("adds a plural s except for one", () => {
    expect([0, 1, 2, 1_000].map((count) => counted(count, "keeper"))).toEqual([
      "0 keepers",
      "1 keeper",
      "2 keepers",
      "1,000 keepers",
    ]);
  });

  it("writes one coin as shown without the plural s", () => {
    const coin = 10n ** 18n;
    expect([0n, coin / 2n, coin, 2n * coin].map((units) => coins(units))).toEqual([
      "0 coins",
      "0.5 coins",
      "1 coin",
      "2 coins",
    ]);
    // Cut to four digits it is 1, in full it is not.
    expect([coins(coin + 1n), coins(coin + 1n, exactAmount)]).toEqual([
      "1 coin",
      "1.000000000000000001 coins",
    ]);
  });

  it("calls a payment empty if nothing was proven and nothing owed, but not if money is missing", () => {
    const [nothing, unpaid, late] = [
      { spaceTime: "0", amount: "0" },
      { spaceTime: "40", amount: "0" },
      { spaceTime: "0", amount: "3" },
    ];
    expect([[], [nothing], [nothing, nothing]].map(isEmptyPayment)).toEqual([true, true, true]);
    expect([[unpaid], [nothing, unpaid], [late]].map(isEmptyPayment)).toEqual([false, false, false]);
  });

  it("cuts amounts to significant digits, never rounds up, and never shows a small amount as 0", () => {
    expect(amount(10n ** 18n, 18)).toBe("1");
    expect(amount(1_999_999_999_999_999_999n, 18)).toBe("1.999");
    expect(amount(999_410_000_000_000_000_000n, 18)).toBe("999.4");
    expect(amount(12_345_678n, 3)).toBe("12,345");
    expect(amount(189_237_599_261_105n, 18)).toBe("0.0001892");
    expect(amount(100_000_000_000_000n, 18)).toBe("0.0001");
    expect(amount(1_234_567n, 18)).toBe("1.234 × 10⁻¹²");
    expect(amount(1n, 18)).toBe("1 × 10⁻¹⁸");
    expect(amount(0n, 18)).toBe("0");
    expect(amount(12_345n, null)).toBe("12,345");
    expect(amount(2n ** 256n - 1n, 18, 2)).toMatch(/^115,792,089,[\d,]*$/);
  });

  it("writes dates with the time if near, with the year if far", () => {
    const now_s = Date.parse("2026-11-21T12:00:00Z") / 1000;
    expect(dateOf(now_s, now_s)).toMatch(/^21 Nov,? \d\d:00$/);
    expect(dateOf(now_s + 300 * 86_400, now_s)).toBe("17 Sept 2027");
    expect(dateOf(1e12, now_s)).toBe("after the year 9999");
    expect(dateOfBlock(90, { head: 100, headTime_s: now_s, block_s: 12 })).toBe(dateOf(now_s - 120));
    expect(dateOfBlock(90, { head: 100, headTime_s: null, block_s: 12 })).toBeUndefined();
  });

  it("writes exact amounts with all digits", () => {
    expect(exactAmount(1n, 18)).toBe("0.000000000000000001");
    expect(exactAmount(10n ** 18n + 10n, 18)).toBe("1.00000000000000001");
    expect(exactAmount("123", 0)).toBe("123");
    expect(exactAmount(10n ** 19n, 18)).toBe("10");
  });

  it("writes times, blocks and percentages", () => {
    expect([0, 1, 119, 120, 7_199, 7_200, 172_800, 86_400 * 800].map(span)).toEqual([
      "0 s",
      "1 s",
      "119 s",
      "2 min",
      "120 min",
      "2 h",
      "2 days",
      "2 years",
    ]);
    expect(blocks(1, null)).toBe("1 block");
    expect(blocks(300, 12)).toBe("300 blocks (60 min)");
    expect(ago(90, 100, 12)).toBe("2 min ago");
    expect(ago(90, 100, 12, 150)).toBe("5 min ago");
    expect(ago(90, 100, null)).toBe("block 90");
    expect(percent(0n, 0n)).toBe("–");
    expect(percent(0n, 3n)).toBe("0 %");
    expect(percent(1n, 1n)).toBe("100 %");
    expect(percent(99_999n, 100_000n)).toBe("99.9 %");
    expect(percent(1n, 3n)).toBe("33.3 %");
    expect(percent(1n, 1n << 70n)).toBe("< 0.1 %");
    expect(percent((1n << 70n) - 1n, 1n << 70n)).toBe("99.9 %");
    expect(shortHex(`0x${"ab".repeat(20)}`)).toBe("0xababab…abab");
  });
});
