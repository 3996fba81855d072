/** Entering and leaving committees, release, and the end of a group (R33, R38). */
import { ZeroAddress, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/contracts/chain.ts";
import { gibibyte, GroupWorld, type Committee, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

async function served(options: Parameters<GroupWorld["group"]>[0] = {}): Promise<Group> {
  const group = await world.group(options);
  await group.add("service p0", { size: 10n * gibibyte });
  await group.settleNext();
  return group;
}

/** Settles with the present committee until `through`. */
async function settleThrough(group: Group, through: number): Promise<void> {
  while ((await group.settledThrough()) < through) await group.settleNext();
}

/** Settles with every certificate of a committee, the oldest first, which certifies more as needed; all are of turn 1. */
async function follow(group: Group, committee: Committee, through: number): Promise<void> {
  group.committee = committee;
  let ts = Number(await committee.contract.getFunction("originBlock")());
  for (; (await group.settledThrough()) < through; ts += committee.rhythm.interval) {
    const te = ts + committee.rhythm.interval;
    while ((await committee.certifiedThrough()) < te) await committee.certify();
    if (te > (await group.settledThrough())) await group.settle({ ts, te }, await group.items(te));
  }
}

describe("a group enters", () => {
  it("only a committee of its factory, with a ceiling from its providers to 256", async () => {
    const group = await world.group({ ceiling: 0 });
    const stranger = world.keepers[0]?.address as string;
    expect((await world.failing(group.send(world.payer, "enter", [stranger, 4]))).error).toBe(
      "Upkeeping_NotACommittee",
    );
    const committee = await group.committee.address();
    for (const ceiling of [0, 257]) {
      expect((await world.failing(group.send(world.payer, "enter", [committee, ceiling]))).error).toBe(
        "Upkeeping_BadCeiling",
      );
    }
    const keeper = world.keepers[0] as Wallet;
    expect((await world.failing(group.send(keeper, "enter", [committee, 4]))).error).toBe(
      "Upkeeping_NotPayer",
    );
    await group.send(world.payer, "enter", [committee, 4]);
    const { service, settledThrough } = await group.read("state");
    expect([service.committee, service.number, service.ceiling]).toEqual([committee, 1n, 4n]);
    // Its first block, in a slot to come.
    expect(service.from).toBe(settledThrough);
    expect(Number(service.from)).toBeGreaterThan((await world.chain.block()) + 1);
  });

  it("if it is solvent: the fee of its ceiling is part of what is required (R32)", async () => {
    const config = { keeperFee: 65_536n };
    const group = await world.group({ config, ceiling: 0, deposit: 399n });
    const committee = await group.committee.address();
    // 4 reserved providers for 100 blocks of lockup.
    expect(await world.failing(group.send(world.payer, "enter", [committee, 4]))).toEqual({
      error: "Upkeeping_Underfunded",
      args: [400n, 399n],
    });
    await group.deposit(1n);
    await group.send(world.payer, "enter", [committee, 4]);
  });

  it("and is set up once, by its factory", async () => {
    const group = await world.group();
    expect((await world.failing(group.send(world.payer, "initialize", [4]))).error).toBe(
      "Upkeeping_NotFactory",
    );
  });
});

describe("a move", () => {
  let group: Group;
  let first: Committee;
  let second: Committee;
  let begins: number;
  let called: number;
  beforeAll(async () => {
    group = await served();
    first = group.committee;
    second = await world.committee({ slot: 10 });
    const receipt = await group.send(world.payer, "enter", [await second.address(), 5]);
    begins = Number((await group.read("state")).next.from);
    called = receipt.blockNumber;
  });

  it("begins at the new committee's first slot boundary lockup or more blocks later", async () => {
    expect(begins).toBeGreaterThanOrEqual(called + 100);
    expect(begins).toBeLessThan(called + 110);
    const origin = Number(await second.contract.getFunction("originBlock")());
    expect((begins - origin) % 10).toBe(0);
  });

  it("to the present committee, or during another, is refused", async () => {
    expect((await world.failing(group.send(world.payer, "enter", [await second.address(), 5]))).error).toBe(
      "Upkeeping_ServiceEnds",
    );
    const other = await served();
    const present = await other.committee.address();
    expect((await world.failing(other.send(world.payer, "enter", [present, 5]))).error).toBe(
      "Upkeeping_SameCommittee",
    );
    await other.add("one more");
    const few = other.send(world.payer, "enter", [await second.address(), other.providers.length - 1]);
    expect((await world.failing(few)).error).toBe("Upkeeping_BadCeiling");
  });

  it("leaves the blocks before it to the old committee, those from it on to the new one (S1)", async () => {
    await settleThrough(group, begins);
    expect(await group.settledThrough()).toBe(begins);
    expect(await first.certifiedThrough()).toBeGreaterThan(begins);
    const { service, next, left } = await group.read("state");
    expect([service.committee, service.from]).toEqual([await second.address(), BigInt(begins)]);
    expect([next.committee, left]).toEqual([ZeroAddress, 0n]);
    const credit = await group.credit(0);
    await follow(group, second, begins + 1);
    const through = await group.settledThrough();
    expect((await group.credit(0)) - credit).toBe(BigInt(through - begins) * 9_000n);
    await group.checkBooks([
      [first, 1],
      [second, 1],
    ]);
  });

  it("closes the accounts of the old committee, where its keepers find what they earned", async () => {
    const committee = await first.address();
    const owed = await group.read("keeperBalance", committee, 1, 0);
    expect(owed).toBeGreaterThan(0n);
    await group.send(world.keepers[0] as Wallet, "withdrawKeeper", [committee, 1, 0]);
    expect(await group.read("keeperBalance", committee, 1, 0)).toBe(0n);
    await group.checkBooks([
      [first, 1],
      [second, 1],
    ]);
  });

  it("back is possible, under a new number, and its accounts go on", async () => {
    const committee = await first.address();
    const before = await group.read("keeperBalance", committee, 1, 1);
    await group.send(world.payer, "enter", [committee, 5]);
    const { next } = await group.read("state");
    expect(next.number).toBe(2n);
    await settleThrough(group, Number(next.from));
    // A leaf of the membership before does not settle this one.
    group.committee = first;
    const origin = Number(await first.contract.getFunction("originBlock")());
    const ts = origin + Math.floor((Number(next.from) - origin) / 40) * 40;
    while ((await first.certifiedThrough()) < ts + 40) await first.certify();
    const items = await group.items(ts + 40);
    expect(await world.failing(group.settle({ ts, te: ts + 40 }, items, {}, 1))).toEqual({
      error: "Upkeeping_WrongNumber",
      args: [2n, 1n],
    });
    await follow(group, first, Number(next.from) + 1);
    expect(await group.read("keeperBalance", committee, 1, 1)).toBeGreaterThan(before);
    await group.checkBooks([
      [first, 1],
      [second, 1],
    ]);
  });
});

describe("a provider, during a move", () => {
  it("leaves at its block at the latest (R38)", async () => {
    const group = await served();
    const second = await world.committee();
    await group.send(world.payer, "enter", [await second.address(), 5]);
    const { next } = await group.read("state");
    await world.chain.before(Number(next.from) - 20);
    await group.send(group.providers[0] as Wallet, "giveNotice", [0]);
    expect((await group.read("provider", 0)).leavesAt).toBe(next.from);
  });

  it("takes on data for the committee that will serve them", async () => {
    const group = await served();
    const second = await world.committee();
    await group.send(world.payer, "enter", [await second.address(), 5]);
    const { next } = await group.read("state");
    await world.chain.before(Number(next.from) - 1);
    const [committee, from] = await group.read("effectiveFrom");
    expect(committee).toBe(await second.address());
    expect(from).toBeGreaterThanOrEqual(next.from);
    await group.change(0, { size: 3n * gibibyte });
  });
});

describe("a group, during a move", () => {
  it("takes on no more providers than the next committee has room for", async () => {
    const group = await served();
    const second = await world.committee();
    await group.send(world.payer, "enter", [await second.address(), 1]);
    expect(await world.failing(group.add("service p1"))).toEqual({
      error: "Upkeeping_TooManyProviders",
      args: [1n, 2n],
    });
  });

  it("changes data for the next committee from its first block on, also where a slot of the old one starts there", async () => {
    const group = await served();
    const { slot } = group.committee.rhythm;
    const origin = Number(await group.committee.contract.getFunction("originBlock")());
    const past = (await world.chain.block()) + 1 - origin;
    await world.chain.before(origin + Math.ceil(past / slot) * slot);
    const second = await world.committee();
    await group.send(world.payer, "enter", [await second.address(), 5]);
    const { next } = await group.read("state");
    expect((Number(next.from) - origin) % slot).toBe(0);
    await world.chain.before(Number(next.from) - 3);
    expect([...(await group.read("effectiveFrom"))]).toEqual([await second.address(), next.from]);
  });
});

describe("a terminate", () => {
  it("keeps data committed, and paid, through the lockup; then the rest is the payer's (R33)", async () => {
    const group = await served();
    const keeper = world.keepers[0] as Wallet;
    expect((await world.failing(group.send(keeper, "terminate"))).error).toBe("Upkeeping_NotPayer");
    const receipt = await group.send(world.payer, "terminate");
    const { endBlock, left } = await group.read("state");
    expect(Number(endBlock)).toBeGreaterThanOrEqual(receipt.blockNumber + 100);
    expect(left).toBe(endBlock);
    const committee = await group.committee.address();
    for (const refused of [
      () => group.add("service p1"),
      () => group.send(world.payer, "terminate"),
      () => group.send(world.payer, "removeProvider", [0]),
      () => group.send(world.payer, "enter", [committee, 8]),
      () => group.send(group.providers[0] as Wallet, "giveNotice", [0]),
    ]) {
      expect((await world.failing(refused())).error).toBe("Upkeeping_Terminated");
    }
    await settleThrough(group, Number(endBlock));
    expect((await group.read("state")).ended).toBe(true);
    const rest = await group.available();
    await group.send(world.payer, "withdrawPayer", [rest, await world.payer.getAddress()]);
    expect(await group.available()).toBe(0n);
    await group.checkBooks();
  });

  it("lets a move that begins before it stand, and makes a later one void", async () => {
    const group = await served();
    const [first, second] = [group.committee, await world.committee()];
    await group.send(world.payer, "enter", [await second.address(), 5]);
    const { next } = await group.read("state");
    await world.chain.before((await world.chain.block()) + 10);
    await group.send(world.payer, "terminate");
    const { endBlock, left } = await group.read("state");
    expect(left).toBe(next.from);
    expect(endBlock).toBeGreaterThan(next.from);
    expect(await second.contract.getFunction("left")(1)).toBe(endBlock);
    await settleThrough(group, Number(next.from));
    await follow(group, second, Number(endBlock));
    expect((await group.read("state")).ended).toBe(true);
    await group.checkBooks([
      [first, 1],
      [second, 1],
    ]);

    // The other way: with slots of 200 blocks the move would begin behind the end.
    const other = await served();
    const late = await world.committee({ slot: 200, interval: 200 });
    await other.send(world.payer, "enter", [await late.address(), 5]);
    const scheduled = (await other.read("state")).next.from;
    await other.send(world.payer, "terminate");
    const state = await other.read("state");
    expect(state.endBlock).toBeLessThan(scheduled);
    expect(state.next.committee).toBe(ZeroAddress);
    // An empty membership.
    expect(await late.contract.getFunction("left")(1)).toBe(scheduled);
  });
});

describe("a committee releases", () => {
  it("a group without a provider, lockup blocks later (R38)", async () => {
    const group = await world.group();
    const address = await group.address();
    const { contract } = group.committee;
    const receipt = await send(contract, world.payer, "releaseGroup", [address]);
    const { left } = await group.read("state");
    expect(Number(left)).toBeGreaterThanOrEqual(receipt.blockNumber + 100);
    expect(await contract.getFunction("left")(1)).toBe(left);
    expect(
      (await world.failing(group.send(world.payer, "enter", [await group.committee.address(), 8]))).error,
    ).toBe("Upkeeping_ServiceEnds");
    await world.chain.before(Number(left) + 1);
    // It is free to go elsewhere.
    const next = await world.committee();
    await group.send(world.payer, "enter", [await next.address(), 8]);
    expect((await group.read("state")).service.committee).toBe(await next.address());
  });

  it("a group in arrears for longer than its lockup, and no other", async () => {
    const group = await world.group({ deposit: 1_100_000n });
    await group.add("service p0", { size: 10n * gibibyte });
    const address = await group.address();
    const { contract } = group.committee;
    const release = (): Promise<unknown> => send(contract, world.payer, "releaseGroup", [address]);
    expect((await world.failing(release())).error).toBe("Upkeeping_NotReleasable");
    while ((await group.read("state")).arrearsSince === 0n) await group.settleNext();
    const since = Number((await group.read("state")).arrearsSince);
    await world.chain.before(since + 100);
    expect(await world.failing(release())).toEqual({
      error: "Upkeeping_NotReleasable",
      args: [BigInt(since + 101), BigInt(since + 100)],
    });
    await world.chain.before(since + 101);
    await release();
    const { left } = await group.read("state");
    await settleThrough(group, Number(left));
    expect((await group.read("state")).service.committee).toBe(ZeroAddress);
    // What it owes stays owed.
    expect((await group.read("escrow")).providerArrears).toBeGreaterThan(0n);
    await group.checkBooks();
  });

  it("nothing for somebody else", async () => {
    const group = await world.group();
    expect((await world.failing(group.send(world.payer, "release"))).error).toBe("Upkeeping_NotMyCommittee");
  });
});
