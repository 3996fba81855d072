/** The cost of storage from bytes and price, without a group. */
import { settlementGas } from "../protocol/fees.ts";
import { quorum } from "../protocol/quorum.ts";
import type { GroupRules } from "./group-view.ts";
import { costOf, formatAmount, formatDuration, month_s, type Token } from "./units.ts";
import { inputError } from "./errors.ts";
import { counted } from "../protocol/counted.ts";

export type QuoteInput = {
  /** Total of all providers. */
  readonly bytes: bigint;
  readonly rules: Pick<GroupRules, "price" | "interval" | "turn" | "lockup" | "keeperShareBps">;
  readonly token: Token;
  /** Size of the committee, 3f+1. */
  readonly keepers: number;
  readonly providers: number;
  /** Seconds of one block. */
  readonly blockTime_s: number;
  /** Duration that the advised deposit covers; a month is 30 days. */
  readonly months: number;
  /** Price of gas (base fee and tip) in wei; without it the keepers' cost of gas is unknown. */
  readonly gasPrice?: bigint;
  /** L1 fee of one settlement in wei; 0 if the chain has none. */
  readonly l1Fee?: bigint;
  /** Price of 10^18 wei in token units; needed to compare gas with payments in a token. */
  readonly unitsPerCoin?: bigint;
};

/** Amounts in token units; payments of the payer are rounded up, receipts are rounded down. */
export type Quote = {
  readonly blocksPerMonth: bigint;
  readonly costPerMonth: bigint;
  readonly costPerInterval: bigint;
  readonly providersPerInterval: bigint;
  readonly keepersPerInterval: bigint;
  readonly interval_s: number;
  /** Reserved while data is committed: the cost of `lockup` blocks (R32). */
  readonly reserve: bigint;
  /** Covers `months`, one unsettled interval with all its turns, and the reserve. */
  readonly depositAdvised: bigint;
  readonly settlementGas: bigint;
  /** Token units; undefined if the price of gas in the token is unknown. */
  readonly settlementCost: bigint | undefined;
  readonly warnings: readonly string[];
};

/** @throws WhitePayError `input` if a group cannot have these values */
export function quote(input: QuoteInput): Quote {
  const { bytes, rules, keepers, providers, blockTime_s, months } = input;
  checkInput(input);
  const blocksPerMonth = BigInt(Math.round(month_s / blockTime_s));
  const costPerInterval = costOf(bytes, BigInt(rules.interval), rules.price);
  const keepersPerInterval = (costPerInterval * BigInt(rules.keeperShareBps)) / 10_000n;
  const reserve = costOf(bytes, BigInt(rules.lockup), rules.price);
  const f = BigInt((keepers - 1) / 3);
  const unsettled = BigInt(rules.interval) + (f + 1n) * BigInt(rules.turn);
  const lasting = BigInt(Math.round(Number(blocksPerMonth) * months));
  const gas = settlementGas(keepers, providers);
  const settlementCost = inToken(input, gas);
  const result = {
    blocksPerMonth,
    costPerMonth: costOf(bytes, blocksPerMonth, rules.price),
    costPerInterval,
    providersPerInterval: costPerInterval - keepersPerInterval,
    keepersPerInterval,
    interval_s: rules.interval * blockTime_s,
    reserve,
    depositAdvised: costOf(bytes, lasting + unsettled + BigInt(rules.lockup), rules.price),
    settlementGas: gas,
    settlementCost,
  };
  return { ...result, warnings: warnings(input, result) };
}

function inToken({ gasPrice, l1Fee = 0n, unitsPerCoin }: QuoteInput, gas: bigint): bigint | undefined {
  if (gasPrice === undefined || unitsPerCoin === undefined) return undefined;
  return ((gas * gasPrice + l1Fee) * unitsPerCoin) / 10n ** 18n;
}

function checkInput({ bytes, rules, keepers, blockTime_s, months, providers }: QuoteInput): void {
  const whole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  if (bytes < 1n) throw inputError("bytes is not valid", { expected: "1 or more", actual: String(bytes) });
  if (rules.price < 1n) {
    throw inputError("the price is too low", {
      expected: "at least 1 unit per GiB·block",
      actual: String(rules.price),
      hint: "use a token with more decimals, or a chain with longer blocks",
    });
  }
  if (!whole(keepers, 4) || keepers > 124 || keepers % 3 !== 1) {
    throw inputError("the size of the committee is not valid", {
      expected: "3f+1: 4, 7, 10, … 124",
      actual: String(keepers),
    });
  }
  if (!whole(providers, 1)) {
    throw inputError("the number of providers is not valid", {
      expected: "1 or more",
      actual: String(providers),
    });
  }
  if (!(blockTime_s > 0) || !(months > 0)) {
    throw inputError("block time or months is not valid", {
      expected: "values above 0",
      actual: `blocks of ${blockTime_s} s, ${counted(months, "month")}`,
    });
  }
}

type Priced = Pick<Quote, "keepersPerInterval" | "settlementCost" | "settlementGas" | "interval_s">;

function warnings(input: QuoteInput, priced: Priced): string[] {
  const { token, rules, keepers } = input;
  const { keepersPerInterval, settlementCost, settlementGas: gas } = priced;
  if (settlementCost === undefined || settlementCost <= keepersPerInterval) return [];
  const share = `${rules.keeperShareBps / 100} %`;
  const per = formatDuration(priced.interval_s);
  return [
    `the keepers' ${share} does not cover their gas: ${formatAmount(keepersPerInterval, token)} for an interval of ${per}, ` +
      `but its settlement costs about ${formatAmount(settlementCost, token)} (${gas} gas, ${quorum(keepers)} of ${keepers} signers); ` +
      coveringAdvice(input, settlementCost, keepersPerInterval),
  ];
}

function coveringAdvice({ rules, token }: QuoteInput, cost: bigint, earned: bigint): string {
  if (earned === 0n) return "raise the price";
  const interval = (BigInt(rules.interval) * cost) / earned + 1n;
  const price = (rules.price * cost) / earned + 1n;
  return `an interval of ${counted(interval, "block")}, or a price of ${counted(price, "unit")} (${formatAmount(price, token)}) per GiB and block, covers it`;
}
