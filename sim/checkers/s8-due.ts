/**
 * S8: every provider of a funded group is paid in full for what it proved. A group is funded if the escrow held the amount of R32
 * when the interval began, the payer has withdrawn nothing since, and the interval settles within the lockup. The required and the
 * due amounts are computed here from the committed data; only balances come from the contract's model.
 */
import type { Model } from "../chain/contract-model.ts";
import type { ProviderModel } from "../chain/contract-rules.ts";
import type { Checker } from "./checker.ts";

/** Bytes of a provider in a block. */
function bytesAt({ changes }: ProviderModel, block: number): bigint {
  return changes.findLast(({ from }) => from <= block)?.size ?? 0n;
}

/** Byte·blocks of [from, to), block by block; none after the end of a terminate. */
function committed(group: Model, provider: ProviderModel, from: number, to: number): bigint {
  const end = group.terminatedAt === 0 ? to : Math.min(to, group.endBlock);
  let sum = 0n;
  for (let block = from; block < end; block++) sum += bytesAt(provider, block);
  return sum;
}

/** Token units for byte·blocks, times 2^30, not rounded. */
const cost = (group: Model, spaceTime: bigint): bigint => spaceTime * group.config.price;

/** R32 as it stood after a block: unsettled blocks, and the lockup of each provider's largest size since ts or ahead. */
export function required(group: Model, block: number): bigint {
  const { lockup } = group.config;
  let sum = 0n;
  let arrears = 0n;
  for (const provider of group.providers) {
    const { removedAt, changes } = provider;
    const sizes = changes.filter(({ from }) => from > group.ts).map(({ size }) => size);
    const largest = [bytesAt(provider, group.ts), ...sizes].reduce((a, b) => (a > b ? a : b));
    const leaves = removedAt === 0 ? Infinity : removedAt;
    const ends = group.terminatedAt === 0 ? block + lockup : group.endBlock;
    const ahead = Math.max(0, Math.min(leaves, ends) - block);
    sum += cost(group, committed(group, provider, group.ts, block) + BigInt(ahead) * largest);
    arrears += provider.arrears + provider.uncutArrears;
  }
  return (sum + 2n ** 30n - 1n) / 2n ** 30n + arrears;
}

export const due: Checker = {
  name: "S8",
  check({ cluster }) {
    const { chain } = cluster;
    const { lockup, keeperShareBps } = chain.at(0).config;
    return chain.settled.flatMap(({ settlement, block, before, after }) => {
      const { ts, te, items } = settlement;
      const began = chain.at(ts);
      const funded = began.free >= required(began, ts) && before.paidOut === began.paidOut;
      if (!funded || block > ts + lockup) return [];
      return items.flatMap(({ provider, spaceTime }) => {
        const [was, is] = [before.providers[provider], after.providers[provider]];
        if (was === undefined || is === undefined) return [];
        const whole = committed(before, was, ts, te);
        const amount = cost(before, spaceTime < whole ? spaceTime : whole) / 2n ** 30n + was.arrears;
        const wanted = amount - (amount * keeperShareBps) / 10_000n + was.uncutArrears;
        const had = is.credit + is.withdrawn - was.credit - was.withdrawn;
        if (had === wanted && is.arrears + is.uncutArrears === 0n) return [];
        const text = `provider ${provider} of a funded group: due ${wanted}, credited ${had}, arrears ${is.arrears}`;
        return [{ checker: "S8", block, text }];
      });
    });
  },
};
