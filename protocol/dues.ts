/** What a group owes for an interval if its escrow suffices (R30): the amounts that keepers weigh against the fee of a transaction. */
import { membershipWithin } from "./committee.ts";
import type { GroupEntry, ProviderEntry } from "./committee.ts";
import type { CertifiedGroup } from "./certificate.ts";

const feeBlocks = 65_536n;

/** Σ bytes × blocks and Σ bytes × price × blocks over [from, to). */
function integralOf(
  { history }: ProviderEntry,
  from: number,
  to: number,
): { readonly bytes: bigint; readonly value: bigint } {
  let [bytes, value] = [0n, 0n];
  history.forEach((checkpoint, i) => {
    const end = Math.min(to, history[i + 1]?.fromBlock ?? to);
    const blocks = BigInt(Math.max(0, end - Math.max(from, checkpoint.fromBlock)));
    bytes += checkpoint.bytes * blocks;
    value += checkpoint.bytes * checkpoint.price * blocks;
  });
  return { bytes, value };
}

/** R30: ⌊min(signed, S) × V / (S × 2^64)⌋, 0 if S = 0. */
export function amountOf(provider: ProviderEntry, signed: bigint, from: number, to: number): bigint {
  const { bytes, value } = integralOf(provider, from, to);
  if (bytes === 0n) return 0n;
  return ((signed < bytes ? signed : bytes) * value) / (bytes << 64n);
}

/** R30: K, the part of all keepers in a group's settlement of [ts, te), in token units. */
export function keepersPart(
  membership: GroupEntry,
  { items }: CertifiedGroup,
  ts: number,
  te: number,
): bigint {
  const { from, to } = membershipWithin(membership, ts, te);
  const share = BigInt(membership.keeperShareBps);
  const byIndex = new Map(membership.providers.map((provider) => [provider.index, provider]));
  const cuts = items.reduce((sum, { provider, spaceTime }) => {
    const entry = byIndex.get(provider);
    return entry === undefined ? sum : sum + (amountOf(entry, spaceTime, from, to) * share) / 10_000n;
  }, 0n);
  const blocks = BigInt(Math.max(0, to - from));
  return cuts + (membership.keeperFee * BigInt(membership.ceiling) * blocks) / feeBlocks;
}
