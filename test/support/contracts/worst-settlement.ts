/** Groups in the states in which a settlement needs most gas, and the gas that it needs (R29). */
import { type Wallet } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import { range } from "./basics.ts";
import { gibibyte, perGibibyteBlock, root, type GroupContract } from "./group-contract.ts";
import type { GroupWorld, Committee, Group } from "./group-world.ts";
import { itemWord, noSender, payoutWord, periodWord, type Item } from "./words.ts";

/** Most changes of a provider that are unsettled at a time (R33). */
export const mostChanges = 16;

export type Interval = { ts: number; te: number };
/** Members of a committee of n, those that are not paid, and the member that takes the leader's share. */
export type Members = { n: number; unpaid?: readonly number[]; sender?: number; version?: number };

/** About a third of what a provider of a GiB commits in an interval: every provider is paid in part. */
export const third = (providers: number, blocks: number): Item[] =>
  range(providers).map((provider) => ({
    provider,
    spaceTime: (gibibyte * BigInt(blocks)) / 3n + BigInt(provider),
  }));

/** Arguments of the group's call, as its committee makes it. */
async function callOf(
  group: Group,
  at: Interval,
  items: readonly Item[],
  members: Members,
): Promise<unknown[]> {
  const { n, unpaid = [], sender = noSender, version = 1 } = members;
  const period = {
    number: Number((await group.read("state")).service.number),
    version,
    versionFrom: version === 1 ? 0 : at.ts,
    certifiedThrough: await group.committee.certifiedThrough(),
  };
  const paid = n - unpaid.length + (sender === noSender ? 0 : 1);
  return [
    await group.address(),
    periodWord({ ...period, ...at }),
    payoutWord({ sender, paid, divisor: n, n, unpaid: bitmap(unpaid) }),
    items.map(itemWord),
  ];
}

/** Settles, as a committee of `members` that certified an interval. */
export async function settleFor(
  group: Group,
  at: Interval,
  items: readonly Item[],
  members: Members,
): Promise<void> {
  const settle = group.committee.contract.getFunction("settle");
  const sent = await settle(...(await callOf(group, at, items, members)), { gasLimit: 16_000_000 });
  await sent.wait();
}

/**
 * Least gas, to within 64, with which a committee's call of the group succeeds; at most `bound`. It is more than the gas used:
 * what a refund gives back is needed before, and so is the 64th part that the proxy keeps from its code.
 */
export async function gasNeeded(
  group: Group,
  at: Interval,
  items: readonly Item[],
  members: Members,
  bound: number,
): Promise<number> {
  const args = await callOf(group, at, items, members);
  const call = group.committee.contract.getFunction("settleWithin");
  const settles = async (gas: number): Promise<boolean> => {
    try {
      await call.staticCall(gas, ...args, { gasLimit: 16_700_000 });
      return true;
    } catch {
      return false;
    }
  };
  let [low, high] = [0, bound];
  if (!(await settles(high))) throw new Error(`expected a settlement within ${bound} gas, actual a refusal`);
  while (high - low > 64) {
    const middle = Math.ceil((low + high) / 2);
    if (await settles(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Sends calls of the payer without waiting for each, and mines them in blocks of 64. */
export async function inBlocks(
  group: GroupContract,
  calls: readonly (readonly [method: string, args: readonly unknown[]])[],
): Promise<void> {
  const { chain, payer } = group.world;
  await chain.rpc("evm_setAutomine", [false]);
  for (let from = 0; from < calls.length; from += 64) {
    let nonce = await chain.provider.getTransactionCount(await payer.getAddress());
    for (const [method, args] of calls.slice(from, from + 64)) {
      await group.contract.getFunction(method)(...args, { nonce, gasLimit: 400_000 });
      nonce += 1;
    }
    await chain.rpc("evm_mine");
  }
  await chain.rpc("evm_setAutomine", [true]);
}

/** One change of every provider's data; all take effect at one slot. */
export async function changeAll(group: GroupContract, round: number): Promise<void> {
  const deadline = BigInt((await group.world.chain.block()) + 10_000);
  const [serving] = await group.read("effectiveFrom");
  const calls = group.providers.map(async (operator: Wallet, i): Promise<[string, unknown[]]> => {
    const size = gibibyte - BigInt(round + 1);
    const terms = {
      root,
      size,
      price: perGibibyteBlock(1_000n),
      receiptKey: operator.address,
      sequence: BigInt(round + 2),
      deadline,
    };
    return ["changeData", [i, terms, await group.consent(operator, terms, serving)]];
  });
  await inBlocks(group, await Promise.all(calls));
}

/** Mines until another change takes effect at a later slot than the last one. */
export async function passSlot(group: GroupContract): Promise<void> {
  const [, from] = await group.read("effectiveFrom");
  await group.world.chain.before(Number(from) + 1);
}

/** A group of a stand-in committee, all of whose providers are in arrears: the escrow could not pay the first interval. */
export async function inArrears(world: GroupWorld, committee: Committee, providers: number): Promise<Group> {
  const deposit = 300_000n * BigInt(providers);
  const group = await world.group({ committee, ceiling: providers, deposit, config: { keeperFee: 1n } });
  for (let i = 0; i < providers; i += 1) await group.add(`worst p${i}`);
  return group;
}
