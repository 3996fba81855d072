/** Cost of a transaction for its sender, computed from values of the chain. */

/** Gas limit of one transaction (EIP-7825). */
export const transactionGasCap = 16_777_216n;

/** In wei per unit of gas. */
export type FeeLimits = {
  /** The tip to offer where recent blocks have none. */
  readonly tipFloor: bigint;
  readonly tipCap: bigint;
  /** Limit of base fee and tip together. */
  readonly feeCap: bigint;
};

const gwei = 10n ** 9n;

export const defaultFeeLimits: FeeLimits = {
  tipFloor: gwei / 1_000n,
  tipCap: 5n * gwei,
  feeCap: 500n * gwei,
};

/** Number of recent blocks in the fee history. */
export const feeBlocks = 20;
/** Percentile of a block's gas that paid less than the tip. */
export const tipPercentile = 50;

/** In wei per unit of gas. */
export type FeeMarket = {
  /** Mean of the recent blocks. */
  readonly base: bigint;
  /** Of the next block. */
  readonly nextBase: bigint;
  /** The tip with which a transaction is included, within the limits. */
  readonly tip: bigint;
};

type RawHistory = {
  readonly baseFeePerGas?: unknown;
  readonly gasUsedRatio?: unknown;
  readonly reward?: unknown;
};

/**
 * Fees in an answer to eth_feeHistory(feeBlocks, "latest", [tipPercentile]). The tip is the median over the blocks that have
 * transactions.
 * @throws Error if the answer has another form
 */
export function marketOf(answer: unknown, limits: FeeLimits): FeeMarket {
  const { baseFeePerGas, gasUsedRatio, reward } = (answer ?? {}) as RawHistory;
  const bases = listOf(baseFeePerGas, "baseFeePerGas").map(weiOf);
  const ratios = listOf(gasUsedRatio, "gasUsedRatio").map(Number);
  const nextBase = bases.at(-1);
  const past = bases.slice(0, -1);
  if (nextBase === undefined || past.length === 0)
    throw new Error("fee history: expected base fees, actual none");
  // Empty blocks have no tips; some nodes omit the rewards when all blocks are empty.
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

/** Fee fields of a transaction, in wei per unit of gas (EIP-1559). */
export type GasFees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** Fees that suffice now and after the base fee doubles, within the limits. */
export function feesFor({ nextBase, tip }: FeeMarket, { feeCap }: FeeLimits): GasFees {
  const wished = 2n * nextBase + tip;
  const maxFeePerGas = wished < feeCap ? wished : feeCap;
  return { maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
}

/** Nodes accept a replacement that offers at least 10 % more in both fields; 1/8 more leaves room for rounding. */
const eighth = 8n;
const replacementPercent = 110n;

function raised(value: bigint): bigint {
  return value + value / eighth + 1n;
}

/** Fees of a transaction that replaces one with the fees `pending`; undefined if `limits` do not allow them. */
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

/** Limits for a transaction that frees a nonce: 1/8 higher, so that a transaction at its limit can be replaced. */
export function limitsToReplace({ tipFloor, tipCap, feeCap }: FeeLimits): FeeLimits {
  return { tipFloor, tipCap: raised(tipCap), feeCap: raised(feeCap) };
}

/** Contract of OP Stack chains that returns the cost of a transaction's data on the base chain. */
export const gasPriceOracle = {
  address: "0x420000000000000000000000000000000000000f",
  getL1Fee: "function getL1Fee(bytes unsignedTransaction) view returns (uint256)",
} as const;
