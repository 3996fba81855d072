/** `whitepay group quote`: the cost of storage, from bytes and price or from a group file. */
import type { Command } from "commander";
import { formatUnits, parseUnits } from "ethers";
import { connectRpc } from "../../client/connect.ts";
import { measureFees } from "../../client/fees.ts";
import { quote, type KeeperCost, type Quote, type QuoteInput } from "../../client/quote.ts";
import { perMonthOf } from "../../client/prices.ts";
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
import { monthlyPrice, readGroupFile } from "./files/group.ts";
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
  readonly keeperFee?: bigint;
  readonly sharedBy?: number;
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
    .description(
      "compute the cost per month, a deposit, and whether the keepers' share and fee cover their gas, in a private and in a shared committee",
    )
    .argument("[file]", "group file; without it give --bytes, a price and --preset")
    .option("--bytes <amount>", "total data, for example 500GiB or 1.5TB")
    .option("--price <units>", "token units per 2^64 byte·blocks")
    .option("--price-per-month <tokens>", "whole tokens per TiB and month of 30 days, for example 4")
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
    .option(
      "--keeper-fee <units>",
      "the keepers' fee, in token units per reserved provider and 65,536 blocks",
      (text: string) => unitsOption("--keeper-fee", text),
    )
    .option(
      "--shared-by <groups>",
      "groups that a shared committee certifies together (default: 32)",
      integerOption("--shared-by", { min: 1, max: 1_000_000 }),
    )
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
    const { gasPrice, l1Fee } = await measureFees(provider, { groups: 1, providers });
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

function unitsOption(name: string, text: string): bigint {
  if (/^(0|[1-9]\d{0,28})$/.test(text)) return BigInt(text);
  throw usageError(`${name} is not valid`, { expected: "token units, from 0 up", actual: text.slice(0, 40) });
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
    providers: data.map(({ bytes }, i) => {
      const provider = file.providers[i] as (typeof file.providers)[number];
      return { bytes, price: file.priceOf(provider, chain.token, blockTime_s) };
    }),
    ceiling: file.ceiling,
    rhythm: file.rhythm,
    config: file.config,
    token: chain.token,
    // The size of a shared committee is not in the file.
    keepers: file.committee === undefined ? file.keepers.length : options.keepers,
    ...(options.sharedBy === undefined ? {} : { sharedBy: options.sharedBy }),
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
  const preset = presets.find(({ name }) => name === options.preset);
  if (preset?.suggested === undefined) {
    throw usageError("--preset is missing, or its chain is not usable", {
      hint: "whitepay presets lists the chains; a group file can give all values itself",
    });
  }
  const chain = await askChain(options.rpc, options.token ?? coin.address, providers);
  const blockTime_s = known(options.blockTime ?? preset.blockTime_s ?? chain.blockTime_s);
  const perUnit =
    price === undefined
      ? monthlyPrice(pricePerMonth ?? "0", chain.token, blockTime_s)
      : unitsOption("--price", price);
  const { lockup, ...rhythm } = preset.suggested;
  return {
    providers: parted(parseBytes(bytes), providers).map((part) => ({ bytes: part, price: perUnit })),
    rhythm,
    config: { lockup, keeperShareBps: 1_000, keeperFee: options.keeperFee ?? 0n },
    token: chain.token,
    keepers,
    ...(options.sharedBy === undefined ? {} : { sharedBy: options.sharedBy }),
    blockTime_s,
    months: options.months,
    ...fees(options, chain),
  };
}

/** Equal parts, the first ones one byte larger. */
function parted(bytes: bigint, count: number): bigint[] {
  const [part, rest] = [bytes / BigInt(count), bytes % BigInt(count)];
  return Array.from({ length: count }, (_, i) => part + (BigInt(i) < rest ? 1n : 0n));
}

async function quoteCommand(path: string | undefined, options: QuoteOptions): Promise<void> {
  const input = path === undefined ? await fromOptions(options) : await fromFile(path, options);
  const result = quote(input);
  if (options.json === true) {
    const { token, keepers, providers, blockTime_s, months } = input;
    return printJson({ providers, token, keepers, blockTime_s, months, ...result });
  }
  print(input, result);
  for (const warning of result.warnings) say(`warning: ${warning}`);
}

/** "4 USDC a TiB and month", or the range if the providers' prices differ. */
function priceText({ providers, token, blockTime_s }: QuoteInput): string {
  const prices = providers.map(({ price }) => price).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const monthly = (price: bigint): string => formatAmount(perMonthOf(price, blockTime_s), token);
  const [least, most] = [prices[0] ?? 0n, prices.at(-1) ?? 0n];
  const range = least === most ? monthly(least) : `${monthly(least)} to ${monthly(most)}`;
  return `${range} a TiB and month`;
}

function print(input: QuoteInput, result: Quote): void {
  const { token, rhythm, config, months, keepers, gasPrice, l1Fee = 0n } = input;
  const amount = (units: bigint): string => formatAmount(units, token);
  const share = `${config.keeperShareBps / 100} %`;
  printLine(`data        ${formatBytes(Number(result.bytes))}, at ${priceText(input)}`);
  printLine(
    `a month     ${amount(result.costPerMonth)} (30 days, ${counted(result.blocksPerMonth, "block")})`,
  );
  printLine(
    `an interval ${amount(result.costPerInterval)} (${counted(rhythm.interval, "block")}, ${formatDuration(result.interval_s)})`,
  );
  printLine(`  providers ${amount(result.providersPerInterval)}`);
  printLine(
    `  keepers   ${amount(result.keepersPerInterval)} (${share}, and a fee of ${amount(result.feePerInterval)}; ${keepers} of them)`,
  );
  printLine(`deposit     ${amount(result.depositAdvised)} for ${counted(months, "month")}`);
  printLine(`  required  ${amount(result.reserve)} of it, for ${counted(config.lockup, "block")} of lockup`);
  const at = gasPrice === undefined ? "" : ` at ${formatUnits(gasPrice, "gwei")} gwei`;
  const data = l1Fee === 0n ? "" : ` and ${formatUnits(l1Fee, "gwei")} gwei for its data`;
  const line = ({ gas, cost, covered }: KeeperCost): string => {
    const paid =
      cost === undefined ? "" : `, ${amount(cost)}: ${covered === true ? "covered" : "not covered"}`;
    return `${gas} gas each interval${at}${data}${paid}`;
  };
  const { privateCommittee, sharedCommittee } = result;
  printLine(`alone       ${line(privateCommittee)}`);
  printLine(
    `shared      ${line(sharedCommittee)}, in a committee of ${counted(sharedCommittee.groups, "group")}`,
  );
  if (privateCommittee.cost === undefined) {
    say(
      "to compare the keepers' share and fee with their gas, give --gas-price or --rpc, and --coin-price for a token",
    );
  }
}
