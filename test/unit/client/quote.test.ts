import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { settlementGas } from "../../../protocol/fees.ts";
import { quote, type QuoteInput } from "../../../client/quote.ts";
import { coin, formatDuration, GiB, parseAmount, parseBytes } from "../../../client/units.ts";

const input: QuoteInput = {
  bytes: 10n * GiB,
  rules: { price: 1_000n, interval: 100, turn: 20, lockup: 200, keeperShareBps: 1_000 },
  token: { address: `0x${"11".repeat(20)}`, symbol: "USD", decimals: 6 },
  keepers: 4,
  providers: 2,
  blockTime_s: 12,
  months: 3,
};

describe("a quote", () => {
  it("is bytes × blocks × price, for a month of 30 days, an interval and the reserve", () => {
    const { blocksPerMonth, costPerMonth, costPerInterval, keepersPerInterval, reserve, depositAdvised } =
      quote(input);
    expect(blocksPerMonth).toBe(216_000n);
    expect(costPerMonth).toBe(10n * 216_000n * 1_000n);
    expect(costPerInterval).toBe(1_000_000n);
    expect(keepersPerInterval).toBe(100_000n);
    expect(reserve).toBe(2_000_000n);
    // Three months, an interval with f + 1 turns, and the lockup.
    expect(depositAdvised).toBe(10n * (648_000n + 140n + 200n) * 1_000n);
  });

  it("rounds a cost up, so that it is never below the payment", () => {
    expect(quote({ ...input, bytes: 1n }).costPerInterval).toBe(1n);
  });

  it("warns if the keepers' share does not cover their gas, and suggests values that do", () => {
    const dear = { ...input, gasPrice: 20_000_000_000n, unitsPerCoin: 3_000_000_000n };
    const { settlementCost, keepersPerInterval, warnings } = quote(dear);
    expect(settlementCost).toBe((settlementGas(4, 2) * 20_000_000_000n * 3_000_000_000n) / 10n ** 18n);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(
      "the keepers' 10 % does not cover their gas: 0.1 USD for an interval of 20 min",
    );
    const price = BigInt(/a price of (\d+)/.exec(warnings[0] ?? "")?.[1] ?? 0);
    const interval = Number(/an interval of (\d+) blocks/.exec(warnings[0] ?? "")?.[1]);
    expect(keepersPerInterval).toBeLessThan(settlementCost ?? 0n);
    expect(quote({ ...dear, rules: { ...input.rules, price } }).warnings).toEqual([]);
    expect(quote({ ...dear, rules: { ...input.rules, interval } }).warnings).toEqual([]);
  });

  it("includes the L1 fee of the data", () => {
    const cheap = { ...input, gasPrice: 1n, unitsPerCoin: 10n ** 18n };
    const settlementCost = settlementGas(4, 2) + 7_000_000n;
    expect(quote({ ...cheap, l1Fee: 7_000_000n })).toMatchObject({ settlementCost });
  });

  it("has no cost of gas if its price in the token is unknown", () => {
    expect(quote({ ...input, gasPrice: 1n })).toMatchObject({ settlementCost: undefined, warnings: [] });
  });

  it.each([
    [{ keepers: 5 }, "3f+1"],
    [{ bytes: 0n }, "1 or more"],
    [{ rules: { ...input.rules, price: 0n } }, "at least 1 unit"],
    [{ providers: 0 }, "1 or more"],
    [{ blockTime_s: 0 }, "above 0"],
  ])("refuses %o", (change, expected) => {
    const refused = { code: "input", expected: expect.stringContaining(expected) };
    expect(() => quote({ ...input, ...change })).toThrow(expect.objectContaining(refused));
  });
});

it("the gas of a settlement is at least the measurement in docs/figures/gas.md, and at most 1 % more", () => {
  const page = readFileSync(new URL("../../../docs/figures/gas.md", import.meta.url), "utf8");
  const measured = [...page.matchAll(/^\| n = (\d+): f neither sign nor are paid \| ([\d,]+) \|$/gm)];
  const further = Number(/each further provider \| ([\d,]+)/.exec(page)?.[1]?.replace(",", ""));
  expect(measured.map((row) => row[1])).toEqual(["4", "31", "124"]);
  for (const [, n, gas] of measured) {
    const figure = Number(gas?.replaceAll(",", ""));
    const estimate = Number(settlementGas(Number(n), 1));
    expect(estimate).toBeGreaterThanOrEqual(figure);
    expect(estimate).toBeLessThanOrEqual(figure * 1.01);
  }
  expect(Math.abs(Number(settlementGas(4, 2) - settlementGas(4, 1)) / further - 1)).toBeLessThan(0.01);
});

describe("units", () => {
  it.each([
    ["10GiB", 10n << 30n],
    ["1.5 TB", 1_500_000_000_000n],
    ["1048576", 1_048_576n],
    ["0.5KiB", 512n],
  ])("read %s", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(["", "0", "ten", "1e9", "-1GiB", "5XB", "99999999PB", "100000000TiB"])(
    "refuse %j as bytes",
    (text) => {
      expect(() => parseBytes(text)).toThrow(expect.objectContaining({ code: "input" }));
    },
  );

  it.each(["", "-1", "1e3", "1,5", ".5", `1.${"0".repeat(19)}`])("refuse %j as an amount", (text) => {
    expect(() => parseAmount(text, coin)).toThrow(expect.objectContaining({ code: "input" }));
  });

  it.each([
    [0, "0 s"],
    [119, "119 s"],
    [600, "10 min"],
    [7_200, "2 h"],
    [172_800, "2 d"],
    [190_000, "2 d 5 h"],
  ])("write %i seconds as %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});
