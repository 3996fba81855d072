/** How many certificates an account can pay for, from its balance and the fees of recent blocks. */
import { maxGroupItems } from "./certificate.ts";
import { certificateGas } from "./certificate-gas.ts";
import type { CertifiedScope } from "./certificate-gas.ts";
import { feesFor, transactionGasCap } from "./fees.ts";
import type { FeeLimits, FeeMarket } from "./fees.ts";
import { worstGas } from "./handing-in.ts";

export type AccountFees = {
  /** Balance of the account in wei. */
  readonly balance: bigint;
  readonly market: FeeMarket;
  readonly limits: FeeLimits;
  /** Wei for the data of one certificate, on rollups that publish it on another chain. */
  readonly l1Fee: bigint;
};

/** A committee's size, and what its next certificate settles. */
export type Certifying = { readonly members: number } & CertifiedScope;

/** Returned when the number exceeds every safe integer. */
const uncounted = BigInt(Number.MAX_SAFE_INTEGER);

/** A keeper asks for so much more gas than a node estimates. */
export const gasMarginPercent = 130n;

/** Gas of one certificate whose groups are settled at once. */
export function gasOf({ members, ...scope }: Certifying): bigint {
  return certificateGas(members, scope);
}

/** Average cost of one certificate in wei: base fee and tip of recent blocks, and its data. */
export function certificateCost(
  { market, l1Fee }: Pick<AccountFees, "market" | "l1Fee">,
  certifying: Certifying,
): bigint {
  return gasOf(certifying) * (market.base + market.tip) + l1Fee;
}

/**
 * Balance that an account needs so that nodes accept a certificate: they require its maximum cost. The gas limit holds what the last group
 * may need at worst, because the committee requires it to be left (R29).
 */
function leastBalance({ market, limits, l1Fee }: AccountFees, certifying: Certifying): bigint {
  const { members, groups, providers } = certifying;
  const items = Math.min(maxGroupItems, Math.max(1, providers - groups + 1));
  const wished = ((gasOf(certifying) + BigInt(worstGas(items, members))) * gasMarginPercent) / 100n;
  const limit = wished < transactionGasCap ? wished : transactionGasCap;
  return limit * feesFor(market, limits).maxFeePerGas + l1Fee;
}

/** Number of certificates that an account can pay. */
export function certificatesLeft(account: AccountFees, certifying: Certifying): bigint {
  const rest = account.balance - leastBalance(account, certifying);
  if (rest < 0n) return 0n;
  const one = certificateCost(account, certifying);
  const left = one === 0n ? uncounted : 1n + rest / one;
  return left < uncounted ? left : uncounted;
}

/** The smallest balance that pays this number of certificates, at least one. */
export function balanceFor(certificates: bigint, account: AccountFees, certifying: Certifying): bigint {
  return leastBalance(account, certifying) + (certificates - 1n) * certificateCost(account, certifying);
}

/** The committee whose certificates cost most; of four members, one group and one provider if there is none. */
export function largestOf(all: readonly Certifying[]): Certifying {
  const least: Certifying = { members: 4, groups: 1, providers: 1 };
  return all.reduce((most, one) => (gasOf(one) > gasOf(most) ? one : most), all[0] ?? least);
}
