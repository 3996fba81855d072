/** A short escrow: one ratio, arrears, and their payment (R32). */
import { type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gibibyte, GroupWorld, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

/**
 * Two providers of 10 GiB and 3 GiB, and less in the escrow than an interval costs: R32 lets nobody in on credit, so time has to
 * eat the escrow up.
 */
async function poorGroup(keeperFee = 0n): Promise<Group> {
  const group = await world.group({ deposit: 2_000_000n, config: { keeperFee } });
  await group.add("short p0", { size: 10n * gibibyte });
  await group.add("short p1", { size: 3n * gibibyte });
  // 13 GiB for 40 blocks, and the fee of 8 reserved providers.
  const interval = 520_000n + (keeperFee * 8n * 40n) / 65_536n;
  while ((await group.available()) >= interval) await group.settleNext();
  return group;
}

/** Settles until nothing is left but what is too little to be divided. */
async function runDry(group: Group): Promise<void> {
  let before = -1n;
  while ((await group.available()) !== before) {
    before = await group.available();
    await group.settleNext();
  }
  expect(before).toBeLessThan(4n);
}

const arrearsOf = async (group: Group, index: number): Promise<bigint> =>
  (await group.read("provider", index)).arrears;

describe("an interval that costs more than there is", () => {
  it("scales everything that it owes by one ratio before the split, and books the rest as arrears", async () => {
    const group = await poorGroup(65_536n * 10n);
    const available = await group.available();
    const [before, share] = [[await group.credit(0), await group.credit(1)], await group.keeper(0)];
    const interval = await group.committee.certify();
    const receipt = await group.settle(interval, await group.items(interval.te));
    const settled = group.settled(receipt);
    // 400,000 and 120,000 for data, 10 × 8 × 40 of fee.
    const due = 523_200n;
    expect([...group.event(receipt, "Shortfall")]).toEqual([due, available]);
    const scaled = (amount: bigint): bigint => (amount * available) / due;
    const net = (amount: bigint): bigint => amount - amount / 10n;
    expect(settled.providers.map(({ amount }) => amount)).toEqual([
      net(scaled(400_000n)),
      net(scaled(120_000n)),
    ]);
    expect((await group.credit(0)) - (before[0] as bigint)).toBe(net(scaled(400_000n)));
    expect(await arrearsOf(group, 0)).toBe(360_000n - net(scaled(400_000n)));
    expect(await arrearsOf(group, 1)).toBe(108_000n - net(scaled(120_000n)));
    const earned = scaled(400_000n) / 10n + scaled(120_000n) / 10n + scaled(3_200n);
    expect((await group.keeper(0)) - share).toBe(earned / 4n);
    expect(await group.read("keeperArrears", await group.committee.address(), 1)).toBe(55_200n - earned);
    expect((await group.read("state")).arrearsSince).toBe(BigInt(receipt.blockNumber));
    await group.checkBooks();
  });

  it("is made up for by the next settlement with money", async () => {
    const group = await poorGroup();
    await group.settleNext();
    const [owed, credit] = [await arrearsOf(group, 0), await group.credit(0)];
    const owedKeepers = await group.read("keeperArrears", await group.committee.address(), 1);
    const share = await group.keeper(3);
    expect(owed).toBeGreaterThan(0n);
    await group.deposit(10n ** 9n);
    await group.settleNext({}, { unpaid: [3] });
    expect((await group.credit(0)) - credit).toBe(owed + 360_000n);
    expect(await arrearsOf(group, 0)).toBe(0n);
    // Arrears go to all members of the version in equal parts, also to one that is not paid for this interval.
    expect((await group.keeper(3)) - share).toBe(owedKeepers / 4n);
    const { providerArrears, keeperArrears } = await group.read("escrow");
    // What does not divide among the members is owed no more.
    expect([providerArrears, keeperArrears]).toEqual([0n, 0n]);
    await group.checkBooks();
  });

  it("scales old arrears of providers and keepers, too, if the next one has a part of the money", async () => {
    const group = await poorGroup();
    await group.settleNext();
    const owed = [await arrearsOf(group, 0), await arrearsOf(group, 1)] as const;
    const owedKeepers = await group.read("keeperArrears", await group.committee.address(), 1);
    expect(owedKeepers).toBeGreaterThan(0n);
    await group.deposit(300_000n);
    const available = await group.available();
    const interval = await group.committee.certify();
    const receipt = await group.settle(interval, await group.items(interval.te));
    const due = 520_000n + owed[0] + owed[1] + owedKeepers;
    expect([...group.event(receipt, "Shortfall")]).toEqual([due, available]);
    expect([...group.event(receipt, "ArrearsPaid")]).toEqual([0n, (owed[0] * available) / due]);
    await group.checkBooks();
  });

  it("never reverts, with an empty escrow either (R29); the begin of the arrears stays (R38)", async () => {
    const group = await poorGroup();
    await group.settleNext();
    const { arrearsSince } = await group.read("state");
    expect(arrearsSince).toBeGreaterThan(0n);
    for (let i = 0; i < 2; i += 1) await group.settleNext();
    expect((await group.read("state")).arrearsSince).toBe(arrearsSince);
    expect(await arrearsOf(group, 0)).toBeGreaterThan(2n * 360_000n - 10n);
    expect(await group.available()).toBeLessThan(10n);
    await group.checkBooks();
  });
});

describe("arrears", () => {
  it("are collected by anyone once the escrow holds what is required", async () => {
    const group = await poorGroup();
    await group.settleNext();
    const anyone = world.keepers[2] as Wallet;
    const committee = await group.committee.address();
    expect((await world.failing(group.send(anyone, "collectArrears", [0]))).error).toBe(
      "Upkeeping_Underfunded",
    );
    expect((await world.failing(group.send(anyone, "collectKeeperArrears", [committee, 1]))).error).toBe(
      "Upkeeping_Underfunded",
    );
    await group.deposit(10n ** 8n);
    const [owed, credit, share] = [await arrearsOf(group, 0), await group.credit(0), await group.keeper(1)];
    const owedKeepers = await group.read("keeperArrears", committee, 1);
    await group.send(anyone, "collectArrears", [0]);
    await group.send(anyone, "collectKeeperArrears", [committee, 1]);
    expect((await group.credit(0)) - credit).toBe(owed);
    expect((await group.keeper(1)) - share).toBe(owedKeepers / 4n);
    expect((await world.failing(group.send(anyone, "collectArrears", [0]))).error).toBe(
      "Upkeeping_NothingToMove",
    );
    await group.checkBooks();
  });

  it("of a version stay its members' after a change of members", async () => {
    const group = await poorGroup();
    await group.settleNext();
    const { committee } = group;
    const address = await committee.address();
    const owed = await group.read("keeperArrears", address, 1);
    committee.version = 2;
    committee.versionFrom = await committee.certifiedThrough();
    await group.deposit(10n ** 8n);
    await group.settleNext();
    expect(await group.read("keeperArrears", address, 1)).toBe(owed);
    const before = await group.keeper(0, 1);
    await group.send(world.payer, "collectKeeperArrears", [address, 1]);
    expect((await group.keeper(0, 1)) - before).toBe(owed / 4n);
    await group.checkBooks([
      [committee, 1],
      [committee, 2],
    ]);
  });

  it("are owed to at most 16 versions: what a later one earns is booked to the last of them", async () => {
    const group = await poorGroup();
    const { committee } = group;
    const address = await committee.address();
    await runDry(group);
    const first: bigint = await group.read("keeperArrears", address, 1);
    for (let version = 2; version <= 18; version += 1) {
      committee.version = version;
      committee.versionFrom = await committee.certifiedThrough();
      await group.settleNext();
    }
    // The cut of 520,000 in each interval, all of it owed.
    const owed = await Promise.all([2, 15, 16, 17, 18].map((v) => group.read("keeperArrears", address, v)));
    expect(owed).toEqual([52_000n, 52_000n, 3n * 52_000n, 0n, 0n]);
    expect((await group.read("escrow")).keeperArrears).toBe(first + 17n * 52_000n);

    await group.deposit(10n ** 8n);
    await group.send(world.payer, "collectKeeperArrears", [address, 16]);
    expect([await group.keeper(0, 16), await group.keeper(3, 16)]).toEqual([39_000n, 39_000n]);
    await group.checkBooks([[committee, 1], ...[16, 18].map((version) => [committee, version] as const)]);
  });

  it("keep the seat of a provider that left, so that they are found when another takes its place", async () => {
    const group = await poorGroup();
    await group.send(world.payer, "removeProvider", [1]);
    const { leavesAt } = await group.read("provider", 1);
    while ((await group.settledThrough()) < leavesAt) await group.settleNext();
    expect((await group.read("provider", 1)).closed).toBe(true);
    expect(await arrearsOf(group, 1)).toBeGreaterThan(0n);
    await group.deposit(10n ** 8n);
    const later = await group.add("short p2");
    expect([...(await group.read("seats"))]).toEqual([0n, 1n, BigInt(later)]);
    await group.send(world.payer, "collectArrears", [1]);
    await group.add("short p3");
    expect(await group.read("seats")).not.toContain(1n);
    await group.checkBooks();
  });

  it("of a provider that proves nothing stay as they are while there is no money", async () => {
    const group = await poorGroup();
    await runDry(group);
    const owed = await arrearsOf(group, 1);
    expect(owed).toBeGreaterThan(0n);
    const interval = await group.committee.certify();
    const receipt = await group.settle(interval, await group.items(interval.te, { 1: 0n }));
    expect(group.settled(receipt).providers[1]).toEqual({ provider: 1, spaceTime: 0n, amount: 0n });
    expect(await arrearsOf(group, 1)).toBe(owed);
  });

  it("of keepers are none where they are due nothing", async () => {
    const group = await world.group({ deposit: 1_100_000n, config: { keeperShareBps: 0 } });
    await group.add("short p0", { size: 10n * gibibyte });
    while ((await group.read("state")).arrearsSince === 0n) await group.settleNext();
    expect(await arrearsOf(group, 0)).toBeGreaterThan(0n);
    expect((await group.read("escrow")).keeperArrears).toBe(0n);
    expect(await group.keeper(0)).toBe(0n);
  });

  it("are all paid at one ratio after the end, in one call; the payer takes what is left", async () => {
    const group = await poorGroup();
    await group.settleNext();
    await group.send(world.payer, "terminate");
    const anyone = world.keepers[2] as Wallet;
    expect((await world.failing(group.send(anyone, "collectAllArrears"))).error).toBe("Upkeeping_NotEnded");
    while (!(await group.read("state")).ended) await group.settleNext();
    const owed = [await arrearsOf(group, 0), await arrearsOf(group, 1)];
    const owedKeepers = await group.read("keeperArrears", await group.committee.address(), 1);
    await group.deposit(300_000n);
    const available = await group.available();
    const due = (owed[0] as bigint) + (owed[1] as bigint) + owedKeepers;
    expect((await group.read("escrow")).required).toBe(due);
    const before = [await group.credit(0), await group.credit(1)];
    await group.send(anyone, "collectAllArrears");
    for (const i of [0, 1]) {
      const part = ((owed[i] as bigint) * available) / due;
      expect((await group.credit(i)) - (before[i] as bigint)).toBe(part);
      expect(await arrearsOf(group, i)).toBe((owed[i] as bigint) - part);
    }
    await group.checkBooks();
    await group.deposit(10n ** 8n);
    await group.send(anyone, "collectAllArrears");
    const rest = await group.available();
    const { keeperArrears } = await group.read("escrow");
    await group.send(world.payer, "withdrawPayer", [rest - keeperArrears, await world.payer.getAddress()]);
    await group.checkBooks();
  });
});

describe("an addition by the payer (S8)", () => {
  it("cannot thin what others are credited while the escrow is solvent", async () => {
    const group = await world.group({ deposit: 3_000_000n });
    await group.add("short p0", { size: 10n * gibibyte });
    await group.settleNext();
    // The payer adds a provider of its own, as large as the escrow allows.
    const sizes = [30n, 20n, 15n, 10n, 5n];
    for (const [i, size] of sizes.entries()) {
      await group.add(`short own ${i}`, { size: size * gibibyte }).catch(() => undefined);
    }
    const { required, available } = await group.read("escrow");
    expect(available).toBeGreaterThanOrEqual(required);
    const credit = await group.credit(0);
    await group.settleNext();
    await group.settleNext();
    expect((await group.credit(0)) - credit).toBe(720_000n);
    expect(await arrearsOf(group, 0)).toBe(0n);
  });
});
