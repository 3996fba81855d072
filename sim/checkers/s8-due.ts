/**
 * S8: every provider of a funded group is paid in full for what it proved. A group is funded if the escrow held the amount of R32
 * when the interval began, the payer has withdrawn nothing since, and the interval settles within the lockup. The required and the
 * due amounts are computed here from the committed data of each block; only balances come from the group's model.
 */
import type { GroupModel, ProviderModel } from "../chain/group-model.ts";
import type { Checker } from "./checker.ts";

const unit = 2n ** 64n;

/** Bytes of a provider in a block, and its price there; none after the end of a terminate. */
function inForce(
  group: GroupModel,
  { changes }: ProviderModel,
  block: number,
): { size: bigint; price: bigint } {
  const none = { size: 0n, price: 0n };
  if (group.endBlock !== 0 && block >= group.endBlock) return none;
  return changes.findLast(({ from }) => from <= block) ?? none;
}

/** Byte·blocks of [from, to), and their price in units of 2^-64. */
function integral(
  group: GroupModel,
  provider: ProviderModel,
  from: number,
  to: number,
): { bytes: bigint; value: bigint } {
  let [bytes, value] = [0n, 0n];
  const changesAt = [...provider.changes.map((change) => change.from), group.endBlock];
  for (let block = from; block < to;) {
    const { size, price } = inForce(group, provider, block);
    const next = changesAt.reduce((least, at) => (at > block && at < least ? at : least), to);
    const blocks = BigInt(next - block);
    bytes += size * blocks;
    value += size * price * blocks;
    block = next;
  }
  return { bytes, value };
}

/** R32 as it stood after a block: unsettled blocks, and the lockup of each provider's dearest data since then or ahead. */
export function required(group: GroupModel, block: number): bigint {
  const { lockup, keeperFee, ceiling } = group.terms;
  const from = group.settledThrough;
  const ends = group.endBlock === 0 ? block + lockup : Math.min(block + lockup, group.endBlock);
  let value = 0n;
  let owed = [...group.keepers.values()].reduce((sum, { arrears }) => sum + arrears, 0n);
  for (const provider of group.providers) {
    const { changes, leavesAt } = provider;
    const rates = changes.filter((change) => change.from > from).map(({ size, price }) => size * price);
    const now = changes.findLast((change) => change.from <= from);
    const dearest = [now === undefined ? 0n : now.size * now.price, ...rates].reduce((a, b) =>
      a > b ? a : b,
    );
    const ahead = Math.max(0, Math.min(ends, leavesAt === 0 ? Infinity : leavesAt) - block);
    value += integral(group, provider, from, block).value + BigInt(ahead) * dearest;
    owed += provider.arrears;
  }
  const blocks = Math.max(0, block - from) + Math.max(0, ends - block);
  const fee = (keeperFee * BigInt(ceiling) * BigInt(blocks) + 65_535n) / 65_536n;
  return (value + unit - 1n) / unit + fee + owed;
}

export const due: Checker = {
  name: "S8",
  check({ cluster }) {
    const { chain } = cluster;
    return chain.settled.flatMap(({ group, from, to, items, block, before, after }) => {
      const { lockup, keeperShareBps } = before.terms;
      const began = chain.at(from).groups[group];
      if (began === undefined || began.free < required(began, from)) return [];
      if (before.paidOut !== began.paidOut || block > from + lockup) return [];
      return items.flatMap(({ provider, spaceTime }) => {
        const [was, is] = [before.providers[provider], after.providers[provider]];
        if (was === undefined || is === undefined) return [];
        const { bytes, value } = integral(before, was, from, to);
        const signed = spaceTime < bytes ? spaceTime : bytes;
        const amount = bytes === 0n ? 0n : (signed * value) / (bytes * unit);
        const wanted = amount - (amount * keeperShareBps) / 10_000n + was.arrears;
        const had = is.credit + is.withdrawn - was.credit - was.withdrawn;
        if (had === wanted && is.arrears === 0n) return [];
        const text = `provider ${provider} of the funded group ${group}: due ${wanted}, credited ${had}, arrears ${is.arrears}`;
        return [{ checker: "S8", block, text }];
      });
    });
  },
};
