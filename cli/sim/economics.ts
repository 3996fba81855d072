/** `whitepay sim economics`: compares the profit of cheating with honest play at given prices. */
import type { Command } from "commander";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { integerOption, quote, jsonFlag } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { writeOutput } from "../console/output-file.ts";
import { progressBar } from "../console/progress.ts";
import { defaultPrices as usual, type Prices } from "../../sim/economics/default-prices.ts";
import type { GasTable } from "../../sim/economics/prices.ts";
import type { Row } from "../../sim/economics/study.ts";
import { transactionGasCap } from "../../protocol/fees.ts";
import { committees } from "./scenario.ts";

type EconomicsOptions = {
  keepers: number[];
  providers: number;
  intervals: number;
  seed: number;
  seeds: number;
  lost: number;
  only?: string[];
  gasPrice: number;
  coinPrice: number;
  price: number;
  tokenPrice: number;
  keeperFee: number;
  groups: number;
  data: number;
  days: number;
  trafficPrice: number;
  svg?: string;
  json?: true;
};

/** A parser for a decimal number of at least 0. */
function decimal(name: string, max = 1e12): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value <= max) return value;
    throw usageError(`${name} is not valid`, {
      expected: `a number from 0 to ${max}, in decimal digits`,
      actual: quote(text),
    });
  };
}

export function register(sim: Command): void {
  const count = (name: string, max?: number): ((text: string) => number) =>
    integerOption(name, max === undefined ? { min: 1 } : { min: 1, max });
  sim
    .command("economics")
    .description(
      "compare keepers' strategies with honest play; exit 1 if one exceeds its profit by more than the bound",
    )
    .option("--keepers <sizes>", "committee sizes", committees, [4, 7])
    .option(
      "--providers <number>",
      "number of providers; the last one lost data",
      count("--providers", 64),
      3,
    )
    .option("--intervals <number>", "intervals per run", count("--intervals"), 20)
    .option("--seeds <number>", "runs per strategy", count("--seeds"), 4)
    .option("--seed <number>", "first seed", integerOption("--seed"), 1)
    .option("--only <names>", "strategies, separated by commas (default: all)", (text) => text.split(","))
    .option("--lost <share>", "share of its data that the last provider lost", decimal("--lost", 1), 0.1)
    .option("--gas-price <gwei>", "price of gas", decimal("--gas-price"), usual.gas)
    .option("--coin-price <usd>", "price of the coin that pays for gas", decimal("--coin-price"), usual.coin)
    .option("--price <tokens>", "price of storage per TiB and month", decimal("--price"), usual.storage)
    .option("--token-price <usd>", "price of the token", decimal("--token-price"), usual.token)
    .option(
      "--keeper-fee <tokens>",
      "keepers' fee per provider and month",
      decimal("--keeper-fee"),
      usual.keeperFee,
    )
    .option("--groups <number>", "groups that share a certificate", count("--groups", 1_000), usual.groups)
    .option("--data <TiB>", "data of each provider", decimal("--data"), usual.data)
    .option("--days <days>", "length of an interval", decimal("--days"), usual.days)
    .option(
      "--traffic-price <usd>",
      "price of a keeper's traffic per GiB",
      decimal("--traffic-price"),
      usual.traffic,
    )
    .option("--svg <file>", "write the chart to a file")
    .option(...jsonFlag)
    .action(economics);
}

async function economics(options: EconomicsOptions): Promise<void> {
  const { bound, rowsOf, study, tooGood } = await import("../../sim/economics/study.ts");
  const { breakEven, GasTable, worthOf } = await import("../../sim/economics/prices.ts");
  const { strategies } = await import("../../sim/economics/strategies.ts");
  const { tableOf } = await import("../../sim/economics/table.ts");
  const { keepers, providers, intervals, seed, seeds, lost, svg, json } = options;
  const prices = pricesOf(options);
  const unknown = options.only?.find((name) => !strategies.some((strategy) => strategy.name === name));
  if (unknown !== undefined) {
    throw usageError("--only names no strategy", {
      expected: strategies.map(({ name }) => name).join(", "),
      actual: quote(unknown),
    });
  }
  if (worthOf(prices, providers) === 0) {
    throw usageError("the keepers earn nothing", {
      expected: "--price, --token-price, --data and --days above 0",
    });
  }
  checkGroups(GasTable.read(), options);
  let bar: ReturnType<typeof progressBar>;
  const games = await study({
    committees: keepers,
    providers,
    intervals,
    first: seed,
    seeds,
    lost,
    ...(options.only === undefined ? {} : { only: options.only }),
    onRun: (runs, total) => (bar ??= progressBar({ label: "runs", total }))?.update(runs),
  });
  const rows = rowsOf(games, prices);
  if (svg !== undefined) await chart(svg, rows);
  if (json === true) printJson({ seed, seeds, intervals, lost, prices, bound, rows });
  else {
    say(
      "thousandths of a US dollar per interval and group; gains in percent of honest play, ± between seeds",
    );
    for (const { name, text } of strategies) say(`  ${name}: ${text}`);
    for (const line of tableOf(rows)) printLine(line);
  }
  for (const { committee, books } of rows.filter(({ strategy }) => strategy === "honest")) {
    const gwei = breakEven(books.earned, committee, providers, prices).toPrecision(2);
    say(`n = ${committee}: leading is profitable while gas is below ${gwei} gwei`);
  }
  judge(tooGood(rows), bound);
}

/** R41: the groups of a study go into one transaction, which takes at most half of the gas cap. */
function checkGroups(table: GasTable, { keepers, groups, providers }: EconomicsOptions): void {
  const half = Number(transactionGasCap / 2n);
  const gas = table.of(Math.max(...keepers), groups, providers, { absent: 0, unpaid: 0 });
  if (gas <= half) return;
  throw usageError("the groups do not fit one transaction", {
    expected: `--groups and --providers with at most ${half} gas, half of a transaction's cap`,
    actual: `${Math.ceil(gas)} gas`,
  });
}

function pricesOf(options: EconomicsOptions): Prices {
  return {
    gas: options.gasPrice,
    coin: options.coinPrice,
    storage: options.price,
    token: options.tokenPrice,
    keeperFee: options.keeperFee,
    groups: options.groups,
    data: options.data,
    days: options.days,
    traffic: options.trafficPrice,
  };
}

/** @throws CliError exit 1 if a strategy exceeds the profit of honest play by more than the bound */
function judge(better: readonly Row[], bound: number): void {
  if (better.length === 0) return say(`no strategy exceeds honest play by more than ${bound * 100} %`);
  const names = better.map(
    ({ strategy, followers, committee }) => `${strategy} (${followers} of ${committee})`,
  );
  throw new CliError({
    code: exitCodes.failed,
    message: `cheating is profitable at these prices: ${names.join(", ")}`,
    expected: `no strategy above honest play by more than ${bound * 100} %`,
    hint: "use longer intervals, more data or a higher price, so that the shares exceed the cost of gas",
  });
}

async function chart(
  file: string,
  rows: Parameters<typeof import("../../sim/economics/chart.ts").chartOf>[0],
) {
  const { chartOf } = await import("../../sim/economics/chart.ts");
  await writeOutput(file, chartOf(rows));
  say(`chart: ${file}`);
}
