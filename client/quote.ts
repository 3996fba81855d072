/** The cost of storage from bytes and prices, without a group, and whether its keepers cover their gas. */
import { groupGas } from "../protocol/certificate-gas.ts";
import { counted } from "../protocol/counted.ts";
import { isCommitteeSize, quorum } from "../protocol/quorum.ts";
import type { Rhythm } from "./committee-view.ts";
import { inputError } from "./errors.ts";
import type { GroupConfig } from "./group-view.ts";
import { costOfValue, feeBlocks, feeFor, feeNeeded, paidFor } from "./prices.ts";
import { formatAmount, formatDuration, month_s, type Token } from "./units.ts";

/** Data of one provider. */
export type QuotedProvider = {
  readonly bytes: bigint;
  /** Token units per 2^64 byte·blocks; 0 for a volunteer. */
  readonly price: bigint;
};

export type QuoteInput = {
  readonly providers: readonly QuotedProvider[];
  /** Providers to reserve; default: as many as there are. */
  readonly ceiling?: number;
  readonly rhythm: Pick<Rhythm, "interval" | "turn">;
  readonly config: Pick<GroupConfig, "lockup" | "keeperShareBps" | "keeperFee">;
  readonly token: Token;
  /** Size of the committee, 3f+1. */
  readonly keepers: number;
  /** Groups that a shared committee certifies together, this one included; default 32. */
  readonly sharedBy?: number;
  /** Seconds of one block. */
  readonly blockTime_s: number;
  /** Duration that the advised deposit covers; a month is 30 days. */
  readonly months: number;
  /** Price of gas (base fee and tip) in wei; without it the keepers' cost of gas is unknown. */
  readonly gasPrice?: bigint;
  /** L1 fee of one certificate with this group in wei; 0 if the chain has none. */
  readonly l1Fee?: bigint;
  /** Price of 10^18 wei in token units; needed to compare gas with payments in a token. */
  readonly unitsPerCoin?: bigint;
};

/** What an interval of the group costs the keepers, in a committee that serves so many groups. */
export type KeeperCost = {
  readonly groups: number;
  readonly gas: bigint;
  /** Token units; undefined if the price of gas in the token is unknown. */
  readonly cost: bigint | undefined;
  /** Whether the keepers' share and fee cover it; undefined if the cost is unknown. */
  readonly covered: boolean | undefined;
};

/** Amounts in token units; payments of the payer are rounded up, receipts are rounded down. */
export type Quote = {
  readonly bytes: bigint;
  readonly blocksPerMonth: bigint;
  /** Providers, keepers' share and keepers' fee. */
  readonly costPerMonth: bigint;
  readonly costPerInterval: bigint;
  readonly providersPerInterval: bigint;
  /** Share and fee. */
  readonly keepersPerInterval: bigint;
  readonly feePerInterval: bigint;
  readonly interval_s: number;
  /** Required in the escrow while data is committed: `lockup` blocks (R32). */
  readonly reserve: bigint;
  /** Covers `months`, one unsettled interval with all its turns, and the reserve. */
  readonly depositAdvised: bigint;
  /** The keepers' cost in a committee of its own, and in one that serves other groups, too. */
  readonly privateCommittee: KeeperCost;
  readonly sharedCommittee: KeeperCost;
  readonly warnings: readonly string[];
};

/** Groups in one transaction beyond which a further group saves little. */
const usuallyShared = 32;
/** R30: below this rounding is felt. */
const smallAmount = 1_000n;

/** @throws WhitePayError `input` if a group cannot have these values */
export function quote(input: QuoteInput): Quote {
  checkInput(input);
  const { rhythm, config, keepers, blockTime_s, months, providers } = input;
  const interval = BigInt(rhythm.interval);
  const blocksPerMonth = BigInt(Math.round(month_s / blockTime_s));
  const amounts = providers.map(({ bytes, price }) => paidFor(bytes, interval, price));
  const share = amounts.reduce((sum, amount) => sum + (amount * BigInt(config.keeperShareBps)) / 10_000n, 0n);
  const paid = amounts.reduce((sum, amount) => sum + amount, 0n);
  const feePerInterval = feeFor(config.keeperFee, BigInt(ceilingOf(input)), interval);
  const f = BigInt((keepers - 1) / 3);
  const unsettled = interval + (f + 1n) * BigInt(rhythm.turn);
  const lasting = BigInt(Math.round(Number(blocksPerMonth) * months));
  const result = {
    bytes: providers.reduce((sum, { bytes }) => sum + bytes, 0n),
    blocksPerMonth,
    costPerMonth: costOfBlocks(input, blocksPerMonth),
    costPerInterval: costOfBlocks(input, interval),
    providersPerInterval: paid - share,
    keepersPerInterval: share + feePerInterval,
    feePerInterval,
    interval_s: rhythm.interval * blockTime_s,
    reserve: costOfBlocks(input, BigInt(config.lockup)),
    depositAdvised: costOfBlocks(input, lasting + unsettled + BigInt(config.lockup)),
  };
  const costs = {
    privateCommittee: keeperCost(input, result.keepersPerInterval, 1),
    sharedCommittee: keeperCost(input, result.keepersPerInterval, input.sharedBy ?? usuallyShared),
  };
  return { ...result, ...costs, warnings: warnings(input, { ...result, ...costs }, amounts) };
}

function ceilingOf({ ceiling, providers }: QuoteInput): number {
  return ceiling ?? providers.length;
}

/** Everything that the payer pays for so many blocks at full proof, rounded up as the contract does (R32). */
function costOfBlocks(input: QuoteInput, blocks: bigint): bigint {
  const value = input.providers.reduce((sum, { bytes, price }) => sum + bytes * price * blocks, 0n);
  return costOfValue(value) + feeNeeded(input.config.keeperFee, BigInt(ceilingOf(input)), blocks);
}

function keeperCost(input: QuoteInput, earned: bigint, groups: number): KeeperCost {
  const { gasPrice, unitsPerCoin, l1Fee = 0n, keepers, providers } = input;
  const gas = groupGas(keepers, providers.length, groups);
  if (gasPrice === undefined || unitsPerCoin === undefined) {
    return { groups, gas, cost: undefined, covered: undefined };
  }
  const cost = ((gas * gasPrice + l1Fee) * unitsPerCoin) / 10n ** 18n;
  return { groups, gas, cost, covered: cost <= earned };
}

function checkInput(input: QuoteInput): void {
  const { providers, keepers, blockTime_s, months, sharedBy = usuallyShared } = input;
  const whole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  const bad = providers.find(({ bytes, price }) => bytes < 1n || price < 0n);
  if (bad !== undefined) {
    throw inputError("bytes or price of a provider is not valid", {
      expected: "1 byte or more, at a price of 0 or more",
      actual: `${counted(bad.bytes, "byte")} at ${bad.price}`,
    });
  }
  if (providers.length === 0 || providers.length > 256) {
    throw inputError("the number of providers is not valid", {
      expected: "1 to 256 (R33)",
      actual: String(providers.length),
    });
  }
  const ceiling = ceilingOf(input);
  if (!whole(ceiling, providers.length) || ceiling > 256) {
    throw inputError("the number of reserved providers is not valid", {
      expected: `${providers.length} to 256`,
      actual: String(ceiling),
    });
  }
  if (!isCommitteeSize(keepers)) {
    throw inputError("the size of the committee is not valid", {
      expected: "3f+1: 4, 7, 10, … 124",
      actual: String(keepers),
    });
  }
  if (!whole(sharedBy, 1)) {
    throw inputError("the number of groups of a shared committee is not valid", {
      expected: "1 or more",
      actual: String(sharedBy),
    });
  }
  if (!(blockTime_s > 0) || !(months > 0)) {
    throw inputError("block time or months is not valid", {
      expected: "values above 0",
      actual: `blocks of ${blockTime_s} s, ${counted(months, "month")}`,
    });
  }
}

type Priced = Pick<
  Quote,
  "keepersPerInterval" | "feePerInterval" | "interval_s" | "privateCommittee" | "sharedCommittee"
>;

function warnings(input: QuoteInput, priced: Priced, amounts: readonly bigint[]): string[] {
  return [
    ...[priced.privateCommittee, priced.sharedCommittee].flatMap((cost) => uncovered(input, priced, cost)),
    ...smallAmounts(input, amounts),
  ];
}

function uncovered(input: QuoteInput, priced: Priced, { groups, gas, cost, covered }: KeeperCost): string[] {
  if (cost === undefined || covered !== false) return [];
  const { token, keepers, config } = input;
  const amount = (units: bigint): string => formatAmount(units, token);
  const { keepersPerInterval: earned, feePerInterval: fee } = priced;
  const where = groups === 1 ? "a committee of its own" : `a committee of ${counted(groups, "group")}`;
  return [
    `in ${where} the keepers' ${config.keeperShareBps / 100} % and fee do not cover their gas: ${amount(earned)} (of it ${amount(fee)} fee) for an interval of ${formatDuration(priced.interval_s)}, ` +
      `but this group's part of a certificate costs about ${amount(cost)} (${gas} gas, ${quorum(keepers)} of ${keepers} signers); ` +
      coveringAdvice(input, cost, earned),
  ];
}

/** Rounded up, so that the advised values cover the cost. */
function coveringAdvice(input: QuoteInput, cost: bigint, earned: bigint): string {
  const { rhythm, config } = input;
  const reserved = BigInt(ceilingOf(input)) * BigInt(rhythm.interval);
  const fee = config.keeperFee + ((cost - earned) * feeBlocks + reserved - 1n) / reserved;
  const byFee = `a keepers' fee of ${counted(fee, "unit")} per provider and 65,536 blocks`;
  if (earned === 0n) return `${byFee} covers it`;
  const interval = (BigInt(rhythm.interval) * cost) / earned + 2n;
  return `${byFee}, or an interval of ${counted(interval, "block")}, covers it`;
}

/** R30: every amount is rounded down, by less than one unit. */
function smallAmounts({ token, providers }: QuoteInput, amounts: readonly bigint[]): string[] {
  const small = amounts.filter((amount, i) => amount < smallAmount && (providers[i]?.price ?? 0n) > 0n);
  const least = small.reduce((most, amount) => (amount < most ? amount : most), smallAmount);
  if (small.length === 0) return [];
  return [
    `${counted(small.length, "provider")} would get less than ${counted(smallAmount, "unit")} of ${token.symbol} an interval (${least} at least), rounded down; a token with more decimals or a longer interval loses less`,
  ];
}
