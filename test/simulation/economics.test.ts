import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { defaultPrices } from "../../sim/economics/default-prices.ts";
import { GasTable } from "../../sim/economics/prices.ts";
import { bound, rowsOf, study, tooGood } from "../../sim/economics/study.ts";
import type { Game, Row } from "../../sim/economics/study.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

const long = process.env["WHITEPAY_LONG"] === "1";

let games: Game[];
let rows: Row[];

beforeAll(async () => {
  const committees = long ? [4, 7, 10] : [4];
  const [intervals, seeds] = long ? [16, 4] : [12, 3];
  games = await study({ committees, providers: 3, intervals, first: 1, seeds, lost: 0.1 });
  rows = rowsOf(games, defaultPrices);
}, 3_600_000);

const named = (strategy: string): Row[] => rows.filter((row) => row.strategy === strategy);

describe("a strategy of at most f keepers", () => {
  it("never earns more than honest play by more than the bound", () => {
    expect(rows.length).toBe(long ? 58 : 12);
    expect(bound).toBe(0.02);
    expect(tooGood(rows).map(({ strategy, gain }) => `${strategy}: ${gain.mean}`)).toEqual([]);
  });

  it("earns nothing without challenges, and otherwise about the share of challenges that it sends (R28)", () => {
    for (const { books } of named("lazy")) expect(books.earned).toBe(0);
    for (const { books, committee } of named("half-lazy")) {
      const honest = named("honest").find((row) => row.committee === committee)?.books.earned ?? 0;
      expect(books.earned / honest).toBeGreaterThan(0.3);
      expect(books.earned / honest).toBeLessThan(0.8);
    }
  });

  it("saves the gas of a turn but loses its share of the turn", () => {
    for (const { books, gain } of [...named("skip-leading"), ...named("leave-submitting")]) {
      expect(gain.mean).toBeLessThan(0);
      // Two may leave each other's transactions to each other, one always saves all of it.
      expect(books.gas).toBeLessThan(0.0019);
    }
    for (const { books } of named("skip-leading")) expect(books.gas).toBe(0);
  });

  for (const strategy of ["censor", "omit-reveal", "close-twice"]) {
    it(`gains nothing by leaving a keeper out: ${strategy} affects victim and payer as silence does (R19)`, () => {
      for (const { victimGain, victimAgainstSilent, payerGain, gain } of named(strategy)) {
        expect(victimGain?.mean).toBeGreaterThan(-0.02);
        expect(Math.abs(victimAgainstSilent?.mean ?? 1)).toBeLessThan(0.02);
        expect(Math.abs(payerGain.mean)).toBeLessThan(0.02);
        expect(gain.mean).toBeLessThan(0);
      }
    });
  }

  it("pays if a settlement costs more than a share, and the study then reports it", () => {
    const dear = rowsOf(games, { ...defaultPrices, gas: 0.2 });
    expect(tooGood(dear).map(({ strategy }) => strategy)).toContain("skip-leading");
  });
});

describe("many groups and the keepers' fee", () => {
  it("makes leading cheaper for each group, with the same shares (R41)", () => {
    const [one, many] = [1, 32].map((groups) =>
      rowsOf(games, { ...defaultPrices, groups }).find(({ strategy }) => strategy === "honest"),
    );
    expect(many?.books.earned).toBe(one?.books.earned);
    // The signature and its transaction are shared: 32 groups of three providers pay 1,293 k of gas, not 32 × 199 k.
    expect((many?.books.gas ?? 0) / (one?.books.gas ?? 1)).toBeGreaterThan(0.15);
    expect((many?.books.gas ?? 0) / (one?.books.gas ?? 1)).toBeLessThan(0.25);
  });

  it("pays the fee of an interval to the payees in equal parts, and the payer pays it (R30)", () => {
    const keeperFee = 3;
    const without = rowsOf(games, defaultPrices).filter(({ strategy }) => strategy === "honest");
    const rich = rowsOf(games, { ...defaultPrices, keeperFee });
    for (const { committee, books } of without) {
      const honest = rich.find((row) => row.strategy === "honest" && row.committee === committee);
      // Three providers for a day of a month of 30; every keeper is paid in nearly every interval.
      const part = (3 * keeperFee) / 30 / committee;
      expect(((honest?.books.earned ?? 0) - books.earned) / part).toBeCloseTo(1, 1);
    }
    // A keeper that is never paid gets no fee either (R28), and the payer keeps its part.
    const lazy = rich.filter(({ strategy }) => strategy === "lazy");
    expect(lazy.map(({ books }) => books.earned)).toEqual(lazy.map(() => 0));
    for (const { payerGain } of lazy) expect(payerGain.mean).toBeGreaterThan(0);
  });
});

describe("the gas of a settlement", () => {
  it("is that of the pages in docs/figures, on a line for other committees", () => {
    const table = GasTable.read();
    const figure = (page: string, name: string): number => {
      const text = readFileSync(new URL(`../../docs/figures/${page}.md`, import.meta.url), "utf8");
      const row = text.split("\n").find((line) => line.startsWith(`| ${name} |`));
      return Number(row?.split("|")[2]?.replaceAll(",", ""));
    };
    const full = { absent: 0, unpaid: 0 };
    const committees = "gas-committees";
    expect(table.of(4, 1, 1, full)).toBe(figure(committees, "n = 4: one group, all sign"));
    expect(table.of(31, 1, 1, { absent: 10, unpaid: 0 })).toBeCloseTo(
      figure(committees, "n = 31: one group, f do not sign"),
      6,
    );
    expect(table.of(31, 1, 1, { absent: 10, unpaid: 10 })).toBeCloseTo(
      figure(committees, "n = 31: one group, f neither sign nor are paid"),
      6,
    );
    const further = figure("gas-groups", "each further provider");
    expect(table.of(4, 1, 3, full) - table.of(4, 1, 1, full)).toBe(2 * further);
    expect(table.of(7, 1, 1, full)).toBeGreaterThan(table.of(4, 1, 1, full));
    expect(table.of(7, 1, 1, full)).toBeLessThan(table.of(31, 1, 1, full));
    // 32 groups that share a certificate: within a hundredth of the transaction that the page measured as a whole.
    for (const [n, f] of [
      [4, 1],
      [31, 10],
    ] as const) {
      const all = figure(committees, `n = ${n}: 32 groups at once, each`);
      expect(table.of(n, 32, 1, full) / 32 / all).toBeCloseTo(1, 2);
      const away = figure(committees, `n = ${n}: 32 groups at once, f neither sign nor are paid, each`);
      expect(table.of(n, 32, 1, { absent: f, unpaid: f }) / 32).toBeCloseTo(away, 6);
    }
  });

  it("is refused from a page without the figures", () => {
    expect(() => new GasTable("# nothing")).toThrow('have no figure for "each further provider"');
  });
});

describe("whitepay sim economics", () => {
  it("prints a table, draws a chart, and exits 1 where cheating pays", async () => {
    const svg = join(await temporaryFolder(), "chart.svg");
    const small = ["sim", "economics", "--keepers", "4", "--seed", "1", "--seeds", "1", "--intervals", "4"];
    const { code, stdout, stderr } = await runCli([...small, "--gas-price", "1", "--svg", svg]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cheating is profitable at these prices: .*skip-leading \(1 of 4\)/);
    expect(stdout.trimEnd().split("\n")).toHaveLength(13);
    const chart = readFileSync(svg, "utf8");
    expect(chart.match(/<rect class="(more|less)"/g)).toHaveLength(11);
    expect(chart).toMatch(/<rect class="more"/);
    expect(chart).not.toMatch(/NaN|Infinity|http(?!:\/\/www\.w3\.org\/2000\/svg)/);
  });

  const bad: readonly [string, string, string][] = [
    ["--gas-price", "-1", "--gas-price is not valid"],
    ["--lost", "1.5", "expected: a number from 0 to 1, in decimal digits"],
    ["--price", "0", "the keepers earn nothing"],
    ["--keepers", "5", "sizes 3f+1"],
    ["--groups", "1000", "the groups do not fit one transaction"],
  ];
  it.each(bad)("refuses %s %s", async (name, value, message) => {
    const { code, stderr } = await runCli(["sim", "economics", name, value]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
