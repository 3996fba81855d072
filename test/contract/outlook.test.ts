/** Views of each party's money: earned, withdrawn and expected. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Wallet } from "ethers";
import { gibibyte, lockupOf, range, World, type Group, type Keeper } from "../support/contracts/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.chain.close());

async function settle(group: Group, units: readonly bigint[]): Promise<void> {
  const items = units.map((unit, provider) => ({ provider, spaceTime: unit * gibibyte }));
  await group.settle(await group.proposal(items, { turn: await group.turnNow() }));
}

describe("expected credit", () => {
  it("equals the later payment of a settlement and an abandon, if nothing changes", async () => {
    const group = await world.group(4);
    for (const size of [10n, 4n]) await group.add(`outlook p${size}`, size * gibibyte);
    const { price } = group.config;
    expect([...(await group.read("providerOutlook", 0, 9))].map(({ running }) => running)).toEqual([0n, 0n]);
    await settle(group, [0n, 0n]);
    await settle(group, [200n, 160n]);
    const ts = await group.settledThrough();
    await world.chain.before(ts + group.config.interval);
    const blocks = BigInt((await world.chain.block()) - ts);
    const [first, second] = await group.read("providerOutlook", 0, 9);
    // Provider 0 proved half of what it had committed, provider 1 all of it.
    expect([first.runningMost, first.running]).toEqual([9n * blocks * price, (9n * blocks * price) / 2n]);
    expect([second.runningMost, second.running]).toEqual([
      (36n * blocks * price) / 10n,
      (36n * blocks * price) / 10n,
    ]);
    expect(await group.read("shareOutlook")).toBe((14n * blocks * price) / 40n);
    expect(first.credit).toBe(180n * price);

    const before = [...(await group.read("keeperAccounts", 1, 0, 4))].map(({ earned }) => earned);
    await settle(group, [10n * 40n, 4n * 40n]);
    const [after] = await group.read("providers", 0, 1);
    expect(after.credited - first.credit).toBe(9n * 40n * price);
    const earned = [...(await group.read("keeperAccounts", 1, 0, 4))].map((account) => account.earned);
    expect(earned.map((value, i) => value - before[i])).toEqual(
      range(4).map(() => (14n * 40n * price) / 40n),
    );

    const { interval, lockup } = group.config;
    await world.chain.before((await group.settledThrough()) + interval + lockup);
    await group.send(world.payer, "abandon");
    const [waiting] = await group.read("providerOutlook", 0, 1);
    await group.send(group.providers[0] as Wallet, "withdrawProvider", [0]);
    const [done] = await group.read("providers", 0, 1);
    expect(done.withdrawn).toBe(after.credited + waiting.abandoned);
    expect((await group.read("providerOutlook", 0, 1))[0].abandoned).toBe(0n);
  });

  it("shows arrears, ends with the group, and is the same in both modes", async () => {
    const group = await world.group(4, { config: { merkle: true, lockup: 100 }, deposit: 0n });
    // The amount that R32 requires at the start; later blocks are not funded.
    const held = lockupOf(group.config, gibibyte);
    await group.deposit(held);
    await group.add("outlook p0", gibibyte);
    await world.chain.before((await group.settledThrough()) + 20);
    expect((await group.read("providerOutlook", 0, 1))[0].runningMost).toBeGreaterThan(0n);
    const { fundedTe, due } = await group.read("claimableRoots");
    expect([fundedTe, due]).toEqual([0n, 0n]);
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    const ts = await group.settledThrough();
    await world.chain.before(Number(endBlock) + group.config.interval + group.config.lockup);
    await group.send(world.payer, "abandon");
    expect((await group.read("state")).ended).toBe(true);
    expect(await group.read("shareOutlook")).toBe(0n);
    const [{ abandoned, runningMost }] = await group.read("providerOutlook", 0, 1);
    const [{ activeFrom }] = await group.read("providers", 0, 1);
    expect(abandoned).toBe(BigInt(endBlock - activeFrom) * group.config.price);
    expect([runningMost, Number(activeFrom) > ts]).toEqual([0n, true]);
    await group.send(world.payer, "touch", [0]);
    const [owed] = await group.read("providerOutlook", 0, 1);
    // R34: the part that is there, of 2^64.
    const credit = (abandoned * ((held << 64n) / abandoned)) >> 64n;
    expect([owed.credit, owed.arrears, owed.abandoned]).toEqual([credit, abandoned - credit, 0n]);
    expect(held - credit).toBeLessThan(2n);
    // A group whose end is paid for is funded for ever.
    const rich = await world.group(4);
    await rich.add("outlook p0", gibibyte);
    await world.chain.before((await world.chain.block()) + 12);
    expect(await rich.read("fundedUntil")).toBeLessThan((1n << 64n) - 1n);
    await rich.send(world.payer, "terminate");
    expect(await rich.read("fundedUntil")).toBe((1n << 64n) - 1n);
  });

  it("is read in pages for the keepers of a version, too", async () => {
    const group = await world.group(4);
    const accounts = await group.read("keeperAccounts", 1, 2, 9);
    const operators = group.keepers.slice(2).map(({ operator }: Keeper) => operator.address);
    expect([...accounts].map(({ operator }) => operator)).toEqual(operators);
    expect((await group.read("providerOutlook", 5, 9)).length).toBe(0);
  });
});
