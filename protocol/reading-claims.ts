/** R47: which vouchers a provider redeems: those that are worth it, of the channel that expires first, first. */
import { voucherGain, type ReadChannel } from "./reading-account.ts";

/**
 * Gas of one more claim in the same token (docs/figures/gas-vouchers.md), rounded up: in the chain's own coin a voucher below its price is left for
 * later.
 */
export const gasOfClaim = 16_000n;

export type Claim<V> = { readonly voucher: V; readonly gain: bigint; readonly expiry: number };

export type Claims<V> = {
  readonly worth: readonly Claim<V>[];
  /** Worth something, but less than `leastEach`. */
  readonly small: readonly Claim<V>[];
  /** Redeemed already, or of a channel that has expired. */
  readonly nothing: readonly Claim<V>[];
};

/** @param block of the redemption at the earliest @param leastEach units */
export function claimsOf<V extends { readonly amount: bigint }>(
  newest: readonly { readonly voucher: V; readonly channel: ReadChannel }[],
  { block, leastEach }: { readonly block: number; readonly leastEach: bigint },
): Claims<V> {
  const all = newest
    .map(({ voucher, channel }) => {
      return { voucher, gain: voucherGain(channel, voucher.amount, block), expiry: channel.expiry };
    })
    .toSorted((a, b) => a.expiry - b.expiry);
  return {
    worth: all.filter(({ gain }) => gain > 0n && gain >= leastEach),
    small: all.filter(({ gain }) => gain > 0n && gain < leastEach),
    nothing: all.filter(({ gain }) => gain === 0n),
  };
}
