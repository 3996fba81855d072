import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { certificateGas, groupGas } from "../../../protocol/certificate-gas.ts";
import { quote, type QuoteInput } from "../../../client/quote.ts";
import { coin, formatDuration, GiB, parseAmount, parseBytes } from "../../../client/units.ts";

/** 1,000 units for one GiB and block. */
const price = 1_000n << 34n;
const input: QuoteInput = {
  providers: [
    { bytes: 4n * GiB, price },
    { bytes: 6n * GiB, price },
  ],
  rhythm: { interval: 100, turn: 20 },
  config: { lockup: 200, keeperShareBps: 1_000, keeperFee: 0n },
  token: { address: `0x${"11".repeat(20)}`, symbol: "USD", decimals: 6 },
  keepers: 4,
  blockTime_s: 12,
  months: 3,
};
const withFee = { ...input, ceiling: 3, config: { ...input.config, keeperFee: 65_536n * 70n } };

describe("a quote", () => {
  it("is bytes × blocks × price, for a month of 30 days, an interval and the reserve", () => {
    expect(quote(input)).toMatchObject({
      bytes: 10n * GiB,
      blocksPerMonth: 216_000n,
      costPerMonth: 10n * 216_000n * 1_000n,
      costPerInterval: 1_000_000n,
      keepersPerInterval: 100_000n,
      providersPerInterval: 900_000n,
      feePerInterval: 0n,
      interval_s: 1_200,
      reserve: 2_000_000n,
      // Three months, an interval with f + 1 turns, and the lockup.
      depositAdvised: 10n * (648_000n + 140n + 200n) * 1_000n,
    });
  });

  it("has the keepers' fee on every reserved provider, beside the share", () => {
    expect(quote(withFee)).toMatchObject({
      feePerInterval: 3n * 100n * 70n,
      keepersPerInterval: 121_000n,
      providersPerInterval: 900_000n,
      costPerInterval: 1_021_000n,
      reserve: 2_042_000n,
    });
  });

  it("rounds a cost up and a receipt down", () => {
    const small = { ...input, providers: [{ bytes: 1n, price }] };
    expect(quote(small)).toMatchObject({
      costPerInterval: 1n,
      providersPerInterval: 0n,
      keepersPerInterval: 0n,
    });
    expect(quote(small).warnings).toEqual([expect.stringContaining("less than 1000 units of USD")]);
    const volunteer = { ...input, providers: [{ bytes: GiB, price: 0n }] };
    expect(quote(volunteer).warnings).toEqual([]);
  });

  it("says for a private and a shared committee whether share and fee cover the gas, and what would", () => {
    const dear = { ...withFee, gasPrice: 20_000_000_000n, unitsPerCoin: 31_000_000n };
    const { privateCommittee, sharedCommittee, keepersPerInterval, warnings } = quote(dear);
    const cost = (gas: bigint): bigint => (gas * 20_000_000_000n * 31_000_000n) / 10n ** 18n;
    expect(privateCommittee).toEqual({
      groups: 1,
      gas: groupGas(4, 2, 1),
      cost: cost(groupGas(4, 2, 1)),
      covered: false,
    });
    expect(sharedCommittee).toEqual({
      groups: 32,
      gas: groupGas(4, 2, 32),
      cost: cost(groupGas(4, 2, 32)),
      covered: true,
    });
    expect(privateCommittee.cost).toBeGreaterThan(keepersPerInterval);
    expect(warnings).toEqual([
      expect.stringContaining("in a committee of its own the keepers' 10 % and fee do not cover"),
    ]);
    const fee = BigInt(/a keepers' fee of (\d+)/.exec(warnings[0] ?? "")?.[1] ?? 0);
    const interval = Number(/an interval of (\d+) blocks/.exec(warnings[0] ?? "")?.[1]);
    expect(quote({ ...dear, config: { ...dear.config, keeperFee: fee } }).warnings).toEqual([]);
    expect(quote({ ...dear, rhythm: { ...dear.rhythm, interval } }).warnings).toEqual([]);
    // A little less does not cover it.
    const less = { ...dear.config, keeperFee: fee - 3_000n };
    expect(quote({ ...dear, config: less }).warnings).toHaveLength(1);
  });

  it("includes the L1 fee of the data", () => {
    const cheap = { ...input, gasPrice: 1n, unitsPerCoin: 10n ** 18n, l1Fee: 7_000_000n };
    expect(quote(cheap).privateCommittee.cost).toBe(groupGas(4, 2, 1) + 7_000_000n);
  });

  it("has no cost of gas if its price in the token is unknown", () => {
    const { privateCommittee, warnings } = quote({ ...input, gasPrice: 1n });
    expect(privateCommittee).toMatchObject({ cost: undefined, covered: undefined });
    expect(warnings).toEqual([]);
  });

  it.each([
    [{ keepers: 5 }, "3f+1"],
    [{ providers: [{ bytes: 0n, price }] }, "1 byte or more"],
    [{ providers: [{ bytes: 1n, price: -1n }] }, "price of 0 or more"],
    [{ providers: [] }, "1 to 256"],
    [{ ceiling: 1 }, "2 to 256"],
    [{ sharedBy: 0 }, "1 or more"],
    [{ blockTime_s: 0 }, "above 0"],
  ])("refuses %o", (change, expected) => {
    const refused = { code: "input", expected: expect.stringContaining(expected) };
    expect(() => quote({ ...input, ...change })).toThrow(expect.objectContaining(refused));
  });
});

describe("the gas of certificates", () => {
  const page = (name: string): string =>
    readFileSync(new URL(`../../../docs/figures/${name}.md`, import.meta.url), "utf8");
  const figure = (name: string, row: string): number => {
    const line = page(name)
      .split("\n")
      .find((one) => one.startsWith(`| ${row} |`));
    return Number(line?.split("|")[2]?.replaceAll(",", ""));
  };

  it.each([4, 31])("is at least what is measured for %i members, and at most 1 % more", (n) => {
    const measured = figure("gas-committees", `n = ${n}: one group, f neither sign nor are paid`);
    const bound = Number(certificateGas(n, { groups: 1, providers: 1 }));
    expect(bound).toBeGreaterThanOrEqual(measured);
    expect(bound).toBeLessThanOrEqual(measured * 1.01);
  });

  it("is at least what is measured for 32 groups and for a further provider, and at most 2 % more", () => {
    const together =
      32 * figure("gas-committees", "n = 4: 32 groups at once, f neither sign nor are paid, each");
    const bound = Number(certificateGas(4, { groups: 32, providers: 32 }));
    expect(bound).toBeGreaterThanOrEqual(together);
    expect(bound).toBeLessThanOrEqual(together * 1.02);
    const provider = figure("gas-groups", "each further provider");
    const more = Number(
      certificateGas(4, { groups: 1, providers: 2 }) - certificateGas(4, { groups: 1, providers: 1 }),
    );
    expect(more).toBeGreaterThanOrEqual(provider);
    expect(more).toBeLessThanOrEqual(provider * 1.02);
  });

  it("is the sum of its groups' parts, but for rounding", () => {
    expect(groupGas(4, 1, 1)).toBe(certificateGas(4, { groups: 1, providers: 1 }));
    const rest = 32n * groupGas(4, 3, 32) - certificateGas(4, { groups: 32, providers: 96 });
    expect(rest).toBeGreaterThanOrEqual(0n);
    expect(rest).toBeLessThan(32n);
  });
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
