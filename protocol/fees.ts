/** What a transaction costs its sender, and what a settlement brings the keepers: figures alone, from what a chain tells. */
import { bitIndices } from "./bitmap.ts";
import { keccakWords } from "./hash.ts";
import type { Hex } from "./hash.ts";
import { itemsPaid } from "./payments.ts";
import type { Settlement } from "./settlement.ts";

/** The most gas that one transaction may have (EIP-7825). */
export const transactionGasCap = 16_777_216n;

/** In wei for a unit of gas. */
export type FeeLimits = {
  /** Offered where nobody else offers anything. */
  readonly tipFloor: bigint;
  readonly tipCap: bigint;
  /** Base fee and tip together. */
  readonly feeCap: bigint;
};

const gwei = 10n ** 9n;

export const defaultFeeLimits: FeeLimits = {
  tipFloor: gwei / 1_000n,
  tipCap: 5n * gwei,
  feeCap: 500n * gwei,
};

/** Blocks of which the fees are looked at. */
export const feeBlocks = 20;
/** Of the gas of a block, so much went for less than this tip. */
export const tipPercentile = 50;

/** In wei for a unit of gas. */
export type FeeMarket = {
  /** Mean of the recent blocks. */
  readonly base: bigint;
  /** Of the block to come. */
  readonly nextBase: bigint;
  /** What gets in, within the limits. */
  readonly tip: bigint;
};

type RawHistory = {
  readonly baseFeePerGas?: unknown;
  readonly gasUsedRatio?: unknown;
  readonly reward?: unknown;
};

/**
 * The market in an answer to eth_feeHistory(feeBlocks, "latest", [tipPercentile]): the tip is the median of what blocks with
 * transactions took.
 * @throws Error if it is no such answer
 */
export function marketOf(answer: unknown, limits: FeeLimits): FeeMarket {
  const { baseFeePerGas, gasUsedRatio, reward } = (answer ?? {}) as RawHistory;
  const bases = listOf(baseFeePerGas, "baseFeePerGas").map(weiOf);
  const ratios = listOf(gasUsedRatio, "gasUsedRatio").map(Number);
  const nextBase = bases.at(-1);
  const past = bases.slice(0, -1);
  if (nextBase === undefined || past.length === 0)
    throw new Error("fee history: expected base fees, actual none");
  // An empty block says nothing of what gets into it; some nodes leave the rewards out where all are empty.
  const tips = (Array.isArray(reward) ? reward : [])
    .filter((_, i) => (ratios[i] ?? 0) > 0)
    .map((tip: unknown) => weiOf(listOf(tip, "reward")[0]))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const median = tips[(tips.length - 1) >> 1] ?? 0n;
  const base = past.reduce((sum, one) => sum + one, 0n) / BigInt(past.length);
  return { base, nextBase, tip: within(median, limits.tipFloor, limits.tipCap) };
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`fee history: expected a list of ${name}, actual ${typeof value}`);
}

function weiOf(value: unknown): bigint {
  if (typeof value === "string" && /^0x[0-9a-f]{1,32}$/i.test(value)) return BigInt(value);
  throw new Error(`fee history: expected an amount in hex, actual ${String(value).slice(0, 40)}`);
}

function within(value: bigint, floor: bigint, cap: bigint): bigint {
  const least = value > floor ? value : floor;
  return least < cap ? least : cap;
}

/** In wei for a unit of gas, as a transaction names them (EIP-1559). */
export type GasFees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** Fees that get in now, and still do when the base fee has doubled; within the limits. */
export function feesFor({ nextBase, tip }: FeeMarket, { feeCap }: FeeLimits): GasFees {
  const wished = 2n * nextBase + tip;
  const maxFeePerGas = wished < feeCap ? wished : feeCap;
  return { maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
}

/** Nodes replace a transaction by one that offers at least 10 % more in both; an eighth leaves room for rounding. */
const eighth = 8n;
const replacementPercent = 110n;

export function raised(value: bigint): bigint {
  return value + value / eighth + 1n;
}

/** The fees with which a transaction takes the place of one that `pending` was offered for; undefined: not within `limits`. */
export function feesToReplace(pending: GasFees, market: GasFees, limits: FeeLimits): GasFees | undefined {
  const more = (old: bigint, now: bigint, cap: bigint): bigint => {
    const wished = raised(old) > now ? raised(old) : now;
    return wished < cap ? wished : cap;
  };
  const { maxFeePerGas, maxPriorityFeePerGas } = pending;
  const fee = more(maxFeePerGas, market.maxFeePerGas, limits.feeCap);
  const tip = more(
    maxPriorityFeePerGas,
    market.maxPriorityFeePerGas,
    limits.tipCap < fee ? limits.tipCap : fee,
  );
  const replaces = (now: bigint, old: bigint): boolean => now > old && now * 100n >= old * replacementPercent;
  if (!replaces(fee, maxFeePerGas) || !replaces(tip, maxPriorityFeePerGas)) return undefined;
  return { maxFeePerGas: fee, maxPriorityFeePerGas: tip };
}

/** What may be offered to free a nonce: an eighth above the limits, else a transaction at its limit could never be replaced. */
export function limitsToReplace({ tipFloor, tipCap, feeCap }: FeeLimits): FeeLimits {
  return { tipFloor, tipCap: raised(tipCap), feeCap: raised(feeCap) };
}

/**
 * Gas of one settlement, from above: f keepers neither sign nor are paid, and the slots that it writes exist already.
 * docs/figures/gas.md has the measured figures, and a test holds this against them.
 */
export function settlementGas(keepers: number, providers: number): bigint {
  return BigInt(164_400 + 2_063 * keepers + 6_220 * (Math.max(1, providers) - 1));
}

/** What a settlement may need at once, its first writes of new slots included. */
const mostGas = 250_000n;
const mostGasPerProvider = 23_000n;

/** More than anybody counts. */
const uncounted = BigInt(Number.MAX_SAFE_INTEGER);

export type AccountFees = {
  /** Wei of the account. */
  readonly balance: bigint;
  readonly market: FeeMarket;
  readonly limits: FeeLimits;
  /** Wei for the data of one settlement, on chains that pay for it elsewhere. */
  readonly l1Fee: bigint;
};

/** What one settlement of a group costs on average now, in wei: base fee and tip of the recent blocks, and its data. */
export function settlementCost(
  { market, l1Fee }: Pick<AccountFees, "market" | "l1Fee">,
  gas: bigint,
): bigint {
  return gas * (market.base + market.tip) + l1Fee;
}

/** What an account must have so that nodes take a settlement from it: they count what it may cost at most. */
function leastBalance({ market, limits, l1Fee }: AccountFees, providers: number): bigint {
  const most = mostGas + mostGasPerProvider * BigInt(providers);
  return most * feesFor(market, limits).maxFeePerGas + l1Fee;
}

/** How many settlements an account can still pay. */
export function settlementsLeft(account: AccountFees, keepers: number, providers: number): bigint {
  const rest = account.balance - leastBalance(account, providers);
  if (rest < 0n) return 0n;
  const one = settlementCost(account, settlementGas(keepers, providers));
  const left = one === 0n ? uncounted : 1n + rest / one;
  return left < uncounted ? left : uncounted;
}

/** The least balance that pays so many settlements, one or more. */
export function balanceFor(
  settlements: bigint,
  account: AccountFees,
  keepers: number,
  providers: number,
): bigint {
  const one = settlementCost(account, settlementGas(keepers, providers));
  return leastBalance(account, providers) + (settlements - 1n) * one;
}

/** Where chains of the OP Stack say what the data of a transaction costs on the chain below. */
export const gasPriceOracle = {
  address: "0x420000000000000000000000000000000000000f",
  getL1Fee: "function getL1Fee(bytes unsignedTransaction) view returns (uint256)",
} as const;

/** A settlement of so many providers, of figures as they come: only its size matters. */
export function sampleSettlement(providers: number): {
  readonly settlement: Settlement;
  readonly signers: bigint;
  readonly signature: Hex;
} {
  const items = Array.from({ length: providers }, (_, provider) => {
    const spaceTime = BigInt(keccakWords(provider)) >> 180n;
    return { provider, spaceTime };
  });
  const settlement = {
    ts: 20_000_000,
    te: 20_007_200,
    committee: 1,
    leader: 0,
    failed: 0n,
    payees: 15n,
    items,
  };
  return { settlement, signers: 15n, signature: sampleSignature };
}

/** The generator of BLS12-381's G1, compressed. */
const sampleSignature: Hex =
  "0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";

/** R30: what all keepers together get of a settlement, and what one payee gets, in token units, if the escrow is not short. */
export function keepersPay(
  { items, failed }: Settlement,
  terms: { readonly price: bigint; readonly keeperShareBps: number },
  keepers: number,
): { readonly whole: bigint; readonly each: bigint } {
  const { price, keeperShareBps } = terms;
  const signed = items.map(({ provider, spaceTime }) => ({ provider, signed: spaceTime }));
  const paid = itemsPaid({ price, keeperShareBps: BigInt(keeperShareBps) }, signed, []);
  const whole = paid.reduce((sum, { amount, toProvider }) => sum + amount - toProvider, 0n);
  return { whole, each: whole / BigInt(keepers - bitIndices(failed).length) };
}
