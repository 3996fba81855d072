/** Attacks on the pool of a Merkle group by providers and payer, and money that must not remain in it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Wallet } from "ethers";
import { refusal } from "../support/contracts/chain.ts";
import { leafOf, proofOf, rootOf, treeOf } from "../support/contracts/tree.ts";
import {
  gibibyte,
  lockupOf,
  range,
  World,
  type Group,
  type RootSettlement,
} from "../support/contracts/world.ts";

let world: World;
let anyone: Wallet;
beforeAll(async () => {
  world = await World.open();
  anyone = await world.chain.account("anyone");
});
afterAll(() => world.chain.close());

type Root = { layers: Uint8Array[][]; cumulative: readonly bigint[] };

/** A Merkle group with providers of these sizes in GiB; its price is 10^12 a GiB·block, 9 tenths of it the providers'. */
async function groupOf(sizes: readonly number[], deposit?: bigint): Promise<Group> {
  const labels = sizes.map((size, i): [string, bigint] => [`pool p${i}`, BigInt(size) * gibibyte]);
  const group = await world.group(4, {
    config: { merkle: true },
    ...(deposit === undefined ? {} : { deposit: 0n }),
  });
  if (deposit !== undefined) await group.addPoor(Object.fromEntries(labels), deposit);
  else for (const [label, size] of labels) await group.add(label, size);
  await settle(
    group,
    sizes.map(() => 0),
    0,
  );
  return group;
}

/** Settles the interval now open with cumulative values in GiB·blocks. */
async function settle(group: Group, units: readonly number[], total: number): Promise<Root> {
  const cumulative = units.map((unit) => BigInt(unit) * gibibyte);
  const layers = treeOf(cumulative.map((spaceTime, provider) => leafOf(provider, spaceTime)));
  const { items: _, ...rest } = await group.proposal([], { turn: await group.turnNow() });
  const settlement: RootSettlement = {
    ...rest,
    root: rootOf(layers),
    totalSpaceTime: BigInt(total) * gibibyte,
  };
  await group.settleRoot(settlement);
  return { layers, cumulative };
}

const claim = (group: Group, provider: number, { layers, cumulative }: Root): Promise<unknown> =>
  group.send(anyone, "claim", [provider, cumulative[provider], proofOf(layers, provider)]);
const claimError = async (group: Group, provider: number, root: Root): Promise<string> =>
  (await refusal(claim(group, provider, root), group.contract.interface)).error;

/** Credits in units of the price after the cut: 9 of these are 10 GiB·blocks. */
async function credits(group: Group): Promise<number[]> {
  const page = await group.read("providers", 0, group.providers.length);
  return [...page].map(({ credited }) => Number(credited / (group.config.price / 10n)) / 10);
}

async function abandon(group: Group): Promise<number> {
  const ts = await group.settledThrough();
  const { interval, lockup } = group.config;
  await world.chain.before(Math.max(ts + interval + lockup, (await world.chain.block()) + 1));
  await group.send(world.payer, "abandon");
  return (await group.settledThrough()) - ts;
}

describe("the pool", () => {
  it("keeps the money of a root for its providers, however late they claim and however much is owed later", async () => {
    // Each of two providers has ten units; then no more money, and the second is owed a thousand.
    const group = await groupOf([1, 100], 20n * 10n ** 12n);
    const funded = await settle(group, [10, 10], 20);
    const huge = await settle(group, [10, 1010], 1000);
    const last = await settle(group, [20, 2010], 1010);
    await claim(group, 1, huge);
    // Only the shares of keepers that are no payees pay for the thousand.
    const [, second] = await credits(group);
    await claim(group, 1, funded);
    await claim(group, 0, funded);
    expect((await credits(group))[0]).toBe(9);
    expect((await credits(group))[1]).toBeGreaterThanOrEqual(9);
    expect(second).toBeLessThan(9);
    const { fundedTe, partTe, paid, due } = await group.read("claimableRoots");
    expect([fundedTe < partTe, paid < due]).toEqual([true, true]);
    // The last root brings no money yet, and a second claim under it nothing at all.
    await claim(group, 0, last);
    expect((await credits(group))[0]).toBe(9);
    expect(await claimError(group, 0, last)).toBe("Upkeeping_NothingToMove");

    // After a deposit every provider is paid in full by one claim under the newest root.
    await group.deposit(10n ** 17n);
    const final = await settle(group, [20, 2010], 0);
    for (const i of range(2)) await claim(group, i, final);
    expect(await credits(group)).toEqual([18, 1809]);
    expect((await group.read("escrow")).arrears).toBe(0n);
    expect(await claimError(group, 0, funded)).toBe("Upkeeping_BadMerkleProof");
  });

  it("funds later roots with later deposits, the oldest first", async () => {
    const group = await groupOf([1, 1], 0n);
    const roots: Root[] = [];
    for (const i of range(4, 1)) roots.push(await settle(group, [10 * i, 20 * i], 30));
    // 45 of 120 units: the first root in full, half of the second; the third and fourth not at all.
    await group.deposit(45n * 10n ** 12n);
    const [first, second] = roots as [Root, Root];
    const now = await settle(group, [40, 80], 0);
    expect(await claimError(group, 0, second)).toBe("Upkeeping_BadMerkleProof");
    // A provider without a claim under the first root gets less under the newest, and the rest after that claim.
    await claim(group, 0, now);
    for (const i of range(2)) await claim(group, i, first);
    for (const i of range(2)) await claim(group, i, now);
    // The first root in full; 15 of the 90 that were owed together when money came.
    expect(await credits(group)).toEqual([(10 + 5) * 0.9, (20 + 10) * 0.9]);
    await group.deposit(10n ** 15n);
    const end = await settle(group, [40, 80], 0);
    for (const i of range(2)) await claim(group, i, end);
    expect(await credits(group)).toEqual([36, 72]);
  });

  it("is funded by a claim after the end, and the rounding remainder returns to the payer", async () => {
    // 2,610 units, a little more than R32 requires at the start; 3,600 are due at the end.
    const group = await world.group(4, { config: { merkle: true }, deposit: 0n });
    await group.deposit(lockupOf(group.config, 2n * gibibyte) + 10n * group.config.price);
    for (const i of range(2)) await group.add(`pool p${i}`, gibibyte);
    await world.chain.before((await world.chain.block()) + 700);
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    await world.chain.before(Number(endBlock) + 40);
    const root = await settle(group, [1700, 1900], 3600);
    expect((await group.read("state")).ended).toBe(true);
    expect(await claimError(group, 0, { ...root, layers: treeOf([leafOf(0, 1n), leafOf(1, 1n)]) })).toBe(
      "Upkeeping_BadMerkleProof",
    );
    await group.deposit(490n * 10n ** 12n + 1n);
    await claim(group, 0, root);
    expect((await credits(group))[0]).toBe((1700 * 3100 * 0.9) / 3600);
    await group.deposit(500n * 10n ** 12n + 7n);
    await claim(group, 0, root);
    await claim(group, 1, root);
    expect(await credits(group)).toEqual([1530, 1710]);
    // Of what came late a tenth is the keepers', too: the one that had failed has a quarter of that.
    let earned = 0n;
    for (const [i, { operator }] of group.keepers.entries()) {
      const [account] = await group.read("keeperAccounts", 1, i, 1);
      earned += account.earned;
      expect(account.earned).toBeGreaterThanOrEqual((99n * group.config.price) / 4n - 2n);
      await group.send(operator, "withdrawKeeper", [1, i]);
    }
    expect((earned + 10n) / group.config.price).toBe(360n);
    for (const i of range(2)) await group.send(group.providers[i] as Wallet, "withdrawProvider", [i]);
    await group.send(world.payer, "withdrawPayer", [await group.read("withdrawable")]);
    expect((await group.read("escrow")).balance).toBe(0n);
  });
});

describe("abandoned intervals of a Merkle group", () => {
  it("pay 0 to a provider that proved 0 bytes, also if it never claims (R34)", async () => {
    const group = await groupOf([1, 1]);
    const root = await settle(group, [30, 0], 30);
    const blocks = await abandon(group);
    const [lazy, idle] = group.providers as [Wallet, Wallet];
    // Neither a touch nor a withdrawal avoids the rate.
    await group.send(anyone, "touch", [1]);
    const nothing = await refusal(group.send(idle, "withdrawProvider", [1]), group.contract.interface);
    expect(nothing.error).toBe("Upkeeping_NothingToMove");
    await claim(group, 1, root);
    expect((await credits(group))[1]).toBe(0);
    await claim(group, 0, root);
    const [{ activeFrom }] = await group.read("providers", 0, 1);
    const settled = (await group.settledThrough()) - blocks - Number(activeFrom);
    const rate = (30n * gibibyte) / BigInt(settled);
    const expected = ((rate * BigInt(blocks) * group.config.price) >> 30n) + 27n * group.config.price;
    await group.send(lazy, "withdrawProvider", [0]);
    expect((await group.read("providers", 0, 1))[0].withdrawn).toBe(expected);
  });

  it("do not lower the rate by which a provider is paid for later abandoned intervals", async () => {
    const group = await groupOf([1]);
    const through = await group.settledThrough();
    await settle(group, [0], 0);
    const between = (await group.settledThrough()) - through;
    await abandon(group);
    const [{ activeFrom }] = await group.read("providers", 0, 1);
    const first = through - Number(activeFrom) + between;
    const ts = await group.settledThrough();
    const units = 2 * first;
    const blocks = group.config.interval;
    expect(await group.turnNow()).toBe(1);
    const root = await settle(group, [units], units);
    expect((await group.settledThrough()) - ts).toBe(blocks);
    const later = await abandon(group);
    await claim(group, 0, root);
    // At most what was committed, a GiB a block; the rate is that of all settled blocks.
    const spaceTime = BigInt(Math.min(units, first + blocks)) * gibibyte;
    const rate = spaceTime / BigInt(first + blocks);
    const [{ credited }] = await group.read("providers", 0, 1);
    const abandoned = await group
      .read("parameters")
      .then(() => credited - (spaceTime * group.config.price * 9n) / 10n / gibibyte);
    expect(abandoned).toBeGreaterThan((rate * BigInt(later) * group.config.price) >> 30n);
  });

  it("leave arrears that anyone collects at once, because no root can include them", async () => {
    const group = await groupOf([1]);
    await group.send(world.payer, "withdrawPayer", [
      (await group.read("withdrawable")) - 10n * group.config.price,
    ]);
    const root = await settle(group, [40], 40);
    await world.chain.before((await group.settledThrough()) + 3000);
    await abandon(group);
    await claim(group, 0, root);
    const [{ credited, arrears }] = await group.read("providers", 0, 1);
    expect(arrears).toBeGreaterThan(0n);
    await group.deposit(10n ** 16n);
    await group.send(anyone, "collectArrears", [0]);
    const [after] = await group.read("providers", 0, 1);
    expect(after.credited).toBe(credited + arrears);
    expect((await group.read("escrow")).arrears).toBe(0n);
  });
});
