/** What storage costs, before there is a group: from bytes and price alone. */
import { settlementGas } from "../protocol/fees.ts";
import { quorum } from "../protocol/quorum.ts";
import type { GroupRules } from "./group-view.ts";
import { costOf, formatAmount, formatDuration, month_s, type Token } from "./units.ts";
import { inputError } from "./errors.ts";

export type QuoteInput = {
  /** Of all providers together. */
  readonly bytes: bigint;
  readonly rules: Pick<GroupRules, "price" | "interval" | "turn" | "lockup" | "keeperShareBps">;
  readonly token: Token;
  /** Size of the committee, 3f+1. */
  readonly keepers: number;
  readonly providers: number;
  /** Seconds of one block. */
  readonly blockTime_s: number;
  /** For how long the advised deposit lasts; a month is 30 days. */
  readonly months: number;
  /** What is paid for a unit of gas, base fee and tip, in wei; without it nothing is said of the keepers' gas. */
  readonly gasPrice?: bigint;
  /** What the data of one settlement costs on the chain below, in wei; 0 where there is none. */
  readonly l1Fee?: bigint;
  /** Token units that 10^18 wei are worth; needed to compare gas with pay in a token. */
  readonly unitsPerCoin?: bigint;
};

/** All amounts in token units, rounded up where the payer pays and down where somebody receives. */
export type Quote = {
  readonly blocksPerMonth: bigint;
  readonly costPerMonth: bigint;
  readonly costPerInterval: bigint;
  readonly providersPerInterval: bigint;
  readonly keepersPerInterval: bigint;
  readonly interval_s: number;
  /** What stays locked while data is committed: lockup blocks of it (R32). */
  readonly reserve: bigint;
  /** For `months`, one unsettled interval with all its turns, and the reserve. */
  readonly depositAdvised: bigint;
  readonly settlementGas: bigint;
  /** Units of the token; undefined where the price of gas in the token is not known. */
  readonly settlementCost: bigint | undefined;
  readonly warnings: readonly string[];
};

/**
 * @throws WhitePayError `input` if no group has such values
 */
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
  if (bytes < 1n) throw inputError("bytes are missing", { expected: "1 or more", actual: String(bytes) });
  if (rules.price < 1n) {
    throw inputError("the price is too low", {
      expected: "at least 1 unit per GiB·block",
      actual: String(rules.price),
      hint: "use a token with more decimals, or longer blocks",
    });
  }
  if (!whole(keepers, 4) || keepers > 124 || keepers % 3 !== 1) {
    throw inputError("that is no size of a committee", {
      expected: "3f+1: 4, 7, 10, … 124",
      actual: String(keepers),
    });
  }
  if (!whole(providers, 1)) {
    throw inputError("providers are missing", { expected: "1 or more", actual: String(providers) });
  }
  if (!(blockTime_s > 0) || !(months > 0)) {
    throw inputError("a time is not valid", {
      expected: "more than 0 seconds and months",
      actual: `blocks of ${blockTime_s} s, ${months} months`,
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
      `while settling it costs about ${formatAmount(settlementCost, token)} (${gas} gas, ${quorum(keepers)} of ${keepers} signers); ` +
      coveringAdvice(input, settlementCost, keepersPerInterval),
  ];
}

function coveringAdvice({ rules, token }: QuoteInput, cost: bigint, earned: bigint): string {
  if (earned === 0n) return "raise the price";
  const interval = (BigInt(rules.interval) * cost) / earned + 1n;
  const price = (rules.price * cost) / earned + 1n;
  return `an interval of ${interval} blocks, or a price of ${price} units (${formatAmount(price, token)}) per GiB and block, would cover it`;
}
