/** `whitepay group quote`: the cost of storage, from bytes and price or from a group file. */
import type { Command } from "commander";
import { formatUnits, parseUnits } from "ethers";
import { connectRpc } from "../../client/connect.ts";
import { measureFees } from "../../client/fees.ts";
import { quote, type Quote, type QuoteInput } from "../../client/quote.ts";
import { measureBlockTime } from "../../client/status.ts";
import { readToken } from "../../client/token.ts";
import {
  coin,
  formatAmount,
  formatDuration,
  parseAmount,
  parseBytes,
  type Token,
} from "../../client/units.ts";
import { usageError } from "../console/exit.ts";
import { pricePerBlock, readGroupFile } from "./files/group.ts";
import { dataOf } from "./hashed-files.ts";
import {
  addressOption,
  choiceOption,
  integerOption,
  jsonOption,
  positiveOption,
} from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { presetNames, presets } from "../chain/presets.ts";
import { formatBytes } from "../console/progress.ts";
import { counted } from "../../protocol/counted.ts";

type QuoteOptions = {
  readonly bytes?: string;
  readonly price?: string;
  readonly pricePerMonth?: string;
  readonly preset?: string;
  readonly blockTime?: number;
  readonly keepers: number;
  readonly providers: number;
  readonly months: number;
  readonly token?: string;
  readonly rpc?: string;
  readonly gasPrice?: bigint;
  readonly coinPrice?: string;
  readonly json?: boolean;
};

export function registerQuote(group: Command): void {
  const command = group
    .command("quote")
    .description("compute the cost per month, a deposit, and whether the keepers' share covers their gas")
    .argument("[file]", "group file; without it give --bytes, a price and --preset")
    .option("--bytes <amount>", "total data, for example 500GiB or 1.5TB")
    .option("--price <units>", "token units per GiB and block")
    .option("--price-per-month <tokens>", "whole tokens per GiB and month of 30 days, for example 0.002")
    .option(
      "--preset <chain>",
      `intervals and block time: ${presetNames.join(", ")}`,
      choiceOption("--preset", presetNames),
    )
    .option(
      "--block-time <seconds>",
      "time of a block, if neither the preset nor the chain gives it",
      positiveOption("--block-time"),
    )
    .option("--keepers <n>", "size of the committee", integerOption("--keepers", { min: 4, max: 124 }), 4)
    .option("--providers <n>", "number of providers", integerOption("--providers", { min: 1, max: 256 }), 1)
    .option("--months <number>", "number of months that the deposit covers", positiveOption("--months"), 3)
    .option(
      "--token <address>",
      "token of the group; needs --rpc (default: the chain's coin)",
      addressOption("--token"),
    )
    .option("--rpc <url>", "RPC endpoint: to read the token, the gas price and the block time")
    .option("--gas-price <gwei>", "price of gas, to compare with the keepers' share", gweiOption)
    .option("--coin-price <tokens>", "price of one coin in whole tokens, if the group pays in a token");
  jsonOption(command).action(quoteCommand);
}

type Chain = {
  readonly gasPrice?: bigint;
  readonly l1Fee?: bigint;
  readonly token: Token;
  readonly blockTime_s?: number;
};

async function askChain(rpc: string | undefined, token: string, providers: number): Promise<Chain> {
  if (rpc === undefined) {
    if (BigInt(token) === 0n) return { token: coin };
    throw usageError("--token needs a chain endpoint", { hint: "give --rpc" });
  }
  const provider = await connectRpc(rpc);
  try {
    const head = await provider.getBlock("latest");
    const at = { block: head?.number ?? 0, time_s: head?.timestamp ?? 0 };
    const { gasPrice, l1Fee } = await measureFees(provider, providers);
    return {
      gasPrice,
      l1Fee,
      token: await readToken(provider, token),
      blockTime_s: await measureBlockTime(provider, at),
    };
  } finally {
    provider.destroy();
  }
}

/** Wei for a price in gwei. */
function gweiOption(text: string): bigint {
  positiveOption("--gas-price")(text);
  return parseUnits(text, "gwei");
}

function fees(options: QuoteOptions, chain: Chain): Pick<QuoteInput, "gasPrice" | "l1Fee" | "unitsPerCoin"> {
  const gasPrice = options.gasPrice ?? chain.gasPrice;
  const isCoin = BigInt(chain.token.address) === 0n;
  const worth = options.coinPrice === undefined ? undefined : parseAmount(options.coinPrice, chain.token);
  const unitsPerCoin = isCoin ? 10n ** 18n : worth;
  return {
    ...(gasPrice === undefined ? {} : { gasPrice }),
    ...(chain.l1Fee === undefined ? {} : { l1Fee: chain.l1Fee }),
    ...(unitsPerCoin === undefined ? {} : { unitsPerCoin }),
  };
}

async function fromFile(path: string, options: QuoteOptions): Promise<QuoteInput> {
  const file = await readGroupFile(path);
  const chain = await askChain(options.rpc, file.token, file.providers.length);
  const blockTime_s = known(file.blockTime_s ?? options.blockTime ?? chain.blockTime_s);
  const data = await dataOf(file.providers);
  return {
    bytes: data.reduce((sum, { bytes }) => sum + bytes, 0n),
    rules: file.rulesFor(chain.token, blockTime_s),
    token: chain.token,
    keepers: file.keepers.length,
    providers: file.providers.length,
    blockTime_s,
    months: options.months,
    ...fees(options, chain),
  };
}

function known(blockTime_s: number | undefined): number {
  if (blockTime_s !== undefined) return blockTime_s;
  throw usageError("the block time is unknown", { hint: "give --block-time SECONDS, or --rpc" });
}

async function fromOptions(options: QuoteOptions): Promise<QuoteInput> {
  const { bytes, price, pricePerMonth, keepers, providers } = options;
  if (bytes === undefined) throw usageError("--bytes is missing", { hint: "give it, or name a group file" });
  if ((price === undefined) === (pricePerMonth === undefined)) {
    throw usageError("expected one of --price and --price-per-month");
  }
  if (price !== undefined && !/^[1-9]\d{0,28}$/.test(price)) {
    throw usageError("--price is not valid", {
      expected: "token units, from 1 up",
      actual: price.slice(0, 40),
    });
  }
  const preset = presets.find(({ name }) => name === options.preset);
  if (preset?.suggested === undefined) {
    throw usageError("--preset is missing, or its chain is not usable", {
      hint: "whitepay presets lists the chains; a group file can give all values itself",
    });
  }
  const chain = await askChain(options.rpc, options.token ?? coin.address, providers);
  const blockTime_s = known(options.blockTime ?? preset.blockTime_s ?? chain.blockTime_s);
  const perBlock =
    price === undefined ? pricePerBlock(pricePerMonth ?? "0", chain.token, blockTime_s) : BigInt(price);
  return {
    bytes: parseBytes(bytes),
    rules: { ...preset.suggested, price: perBlock, keeperShareBps: 1_000 },
    token: chain.token,
    keepers,
    providers,
    blockTime_s,
    months: options.months,
    ...fees(options, chain),
  };
}

async function quoteCommand(path: string | undefined, options: QuoteOptions): Promise<void> {
  const input = path === undefined ? await fromOptions(options) : await fromFile(path, options);
  const result = quote(input);
  if (options.json === true) {
    const { bytes, rules, token, keepers, providers, blockTime_s, months } = input;
    return printJson({
      bytes,
      price: rules.price,
      token,
      keepers,
      providers,
      blockTime_s,
      months,
      ...result,
    });
  }
  print(input, result);
  for (const warning of result.warnings) say(`warning: ${warning}`);
}

function print(input: QuoteInput, result: Quote): void {
  const { token, rules, bytes, months, keepers, gasPrice, l1Fee = 0n } = input;
  const amount = (units: bigint): string => formatAmount(units, token);
  const share = `${rules.keeperShareBps / 100} %`;
  printLine(
    `data        ${formatBytes(Number(bytes))}, at ${counted(rules.price, "unit")} (${amount(rules.price)}) per GiB and block`,
  );
  printLine(
    `a month     ${amount(result.costPerMonth)} (30 days, ${counted(result.blocksPerMonth, "block")})`,
  );
  printLine(
    `an interval ${amount(result.costPerInterval)} (${counted(rules.interval, "block")}, ${formatDuration(result.interval_s)})`,
  );
  printLine(`  providers ${amount(result.providersPerInterval)}`);
  printLine(`  keepers   ${amount(result.keepersPerInterval)} (${share}, ${keepers} of them)`);
  printLine(`deposit     ${amount(result.depositAdvised)} for ${counted(months, "month")}`);
  printLine(`  reserved  ${amount(result.reserve)} of it, for ${counted(rules.lockup, "block")} of lockup`);
  const cost = result.settlementCost === undefined ? "" : `, ${amount(result.settlementCost)}`;
  const at = gasPrice === undefined ? "" : ` at ${formatUnits(gasPrice, "gwei")} gwei`;
  const data = l1Fee === 0n ? "" : ` and ${formatUnits(l1Fee, "gwei")} gwei for its data`;
  printLine(`settling    ${result.settlementGas} gas each time${at}${data}${cost}, paid by the leader`);
  if (result.settlementCost === undefined) {
    say(
      "to compare the keepers' share with their gas, give --gas-price or --rpc, and --coin-price for a token",
    );
  }
}
