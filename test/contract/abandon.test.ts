/** Blocks that nobody settled (R34). */
import { ZeroAddress, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gibibyte, GroupWorld, type Group } from "../support/contracts/group-world.ts";
import { providerPart } from "../support/contracts/words.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

/** Providers of 10 GiB and 3 GiB, of which the first proved half of its last interval. */
async function half(): Promise<Group> {
  const group = await world.group();
  await group.add("abandon p0", { size: 10n * gibibyte });
  await group.add("abandon p1", { size: 3n * gibibyte });
  await group.settleNext();
  await group.settleNext({ 0: 200n * gibibyte, 1: 120n * gibibyte });
  return group;
}

describe("(a) a committee that certifies nothing", () => {
  it("is left after h + lockup: everybody is credited at its last rate, without cut, in one call", async () => {
    const group = await half();
    const start = await group.settledThrough();
    const provider = group.providers[0] as Wallet;
    const stranger = world.keepers[0] as Wallet;
    expect((await world.failing(group.send(stranger, "abandon", [0]))).error).toBe(
      "Upkeeping_NotPayerOrProvider",
    );
    await world.chain.before(start + 140 - 1);
    expect(await world.failing(group.send(provider, "abandon", [0]))).toEqual({
      error: "Upkeeping_NotAbandonable",
      args: [BigInt(start + 140), BigInt(start + 139)],
    });
    const [before, shares] = [[await group.credit(0), await group.credit(1)], await group.keeper(0)];
    const receipt = await group.send(provider, "abandon", [0]);
    const through = await group.settledThrough();
    // The last slot boundary.
    expect(receipt.blockNumber - through).toBeLessThan(5);
    const blocks = BigInt(through - start);
    expect((await group.credit(0)) - (before[0] as bigint)).toBe(blocks * 5_000n);
    expect((await group.credit(1)) - (before[1] as bigint)).toBe(blocks * 3_000n);
    expect(await group.keeper(0)).toBe(shares);
    expect(group.event(receipt, "Credited")["parts"].map(providerPart)).toEqual([
      { provider: 0, spaceTime: blocks * 10n * gibibyte, amount: blocks * 5_000n },
      { provider: 1, spaceTime: blocks * 3n * gibibyte, amount: blocks * 3_000n },
    ]);
    const { service } = await group.read("state");
    expect(service.committee).toMatch(/^0x0+$/);
    expect(await group.committee.contract.getFunction("left")(1)).toBe(BigInt(through));
    await group.checkBooks();
  });

  it("credits a provider without a settled interval for all that it committed, one that proved nothing for nothing", async () => {
    const group = await world.group();
    await group.add("abandon p0", { size: gibibyte });
    await group.settleNext({ 0: 0n });
    const late = await group.add("abandon p1", { size: gibibyte });
    const start = await group.settledThrough();
    await world.chain.before(start + 140);
    const before = await group.credit(0);
    await group.send(world.payer, "abandon", [0]);
    const through = await group.settledThrough();
    expect(await group.credit(0)).toBe(before);
    expect(await group.credit(late)).toBe(BigInt(through - (await group.activeFrom(late))) * 1_000n);
  });
});

describe("an abandon is called", () => {
  it("by the payer or a provider, but by none that has left", async () => {
    const group = await half();
    const [first, second] = group.providers as [Wallet, Wallet];
    await group.send(world.payer, "removeProvider", [1]);
    await group.send(second, "giveNotice", [1]);
    await group.settleNext();
    expect((await group.read("provider", 1)).closed).toBe(true);
    await world.chain.before((await group.settledThrough()) + 140);
    expect((await world.failing(group.send(second, "abandon", [0]))).error).toBe(
      "Upkeeping_NotPayerOrProvider",
    );
    await group.send(first, "abandon", [0]);
  });
});

describe("(b) a certificate under which nobody settled the group", () => {
  it("is waited for during lockup blocks from its acceptance", async () => {
    const group = await half();
    const interval = await group.committee.certify();
    const accepted = await world.chain.block();
    await world.chain.before(accepted + 99);
    const named = (ts: number): Promise<unknown> => group.send(world.payer, "abandon", [ts]);
    expect(await world.failing(named(interval.ts))).toEqual({
      error: "Upkeeping_NotAbandonable",
      args: [BigInt(accepted + 100), BigInt(accepted + 99)],
    });
    // Not by naming another certificate.
    expect((await world.failing(named(interval.ts + 1))).args[0]).toBe(0n);
    await named(interval.ts);
    expect((await group.read("state")).service.committee).toMatch(/^0x0+$/);
  });

  it("after a late settlement, lockup blocks from that", async () => {
    const group = await half();
    const first = await group.committee.certify();
    const second = await group.committee.certify();
    await world.chain.before((await world.chain.block()) + 60);
    await group.settle(first, await group.items(first.te));
    const moved = await world.chain.block();
    expect((await group.read("state")).movedAt).toBe(BigInt(moved));
    await world.chain.before(moved + 98);
    expect((await world.failing(group.send(world.payer, "abandon", [second.ts]))).args[0]).toBe(
      BigInt(moved + 100),
    );
    await world.chain.before(moved + 100);
    await group.send(world.payer, "abandon", [second.ts]);
  });
});

describe("(c) without a committee", () => {
  it("blocks are credited every lockup blocks, and up to the next service when one begins (R38)", async () => {
    const group = await half();
    await world.chain.before((await group.settledThrough()) + 140);
    await group.send(world.payer, "abandon", [0]);
    const start = await group.settledThrough();
    expect((await world.failing(group.send(world.payer, "abandon", [0]))).args[0]).toBe(BigInt(start + 100));
    await world.chain.before(start + 120);
    const before = await group.credit(1);
    await group.send(world.payer, "abandon", [0]);
    const block = await world.chain.block();
    expect(await group.settledThrough()).toBe(block);
    expect((await group.credit(1)) - before).toBe(BigInt(block - start) * 3_000n);

    const next = await world.committee();
    const [credit, from] = [await group.credit(1), await group.settledThrough()];
    await group.send(world.payer, "enter", [await next.address(), 4]);
    const begin = await group.settledThrough();
    expect(begin).toBeGreaterThan(await world.chain.block());
    expect((await group.credit(1)) - credit).toBe(BigInt(begin - from) * 3_000n);
    // Providers did not choose this committee: before it begins, one may leave when it begins.
    await group.send(group.providers[1] as Wallet, "giveNotice", [1]);
    expect((await group.read("provider", 1)).closed).toBe(true);
    const old = group.committee;
    group.committee = next;
    await group.settleNext();
    await group.checkBooks([
      [old, 1],
      [next, 1],
    ]);
  });
});

describe("a provider that was to begin with a slot of the committee that is left", () => {
  it("begins before those that are added afterwards: the order of indices is the order of beginnings", async () => {
    const group = await half();
    await world.provider("abandon p2");
    await world.chain.before((await group.settledThrough()) + 140);
    const { slot } = group.committee.rhythm;
    // The next call is in the first block of a slot.
    const from = Number((await group.read("effectiveFrom"))[1]);
    await world.chain.before(from + slot);
    const late = await group.add("abandon p2");
    const begin = await group.activeFrom(late);
    await group.send(world.payer, "abandon", [0]);
    expect(begin).toBeGreaterThan((await world.chain.block()) + 2);
    expect([...(await group.read("effectiveFrom"))]).toEqual([ZeroAddress, BigInt(begin)]);
  });
});

describe("a short escrow", () => {
  it("scales all credits by one ratio, and the rest becomes arrears", async () => {
    const group = await world.group({ deposit: 1_400_000n });
    await group.add("abandon p0", { size: 10n * gibibyte });
    await group.add("abandon p1", { size: 3n * gibibyte });
    const start = await group.settledThrough();
    await world.chain.before(start + 300);
    const available = await group.available();
    await group.send(world.payer, "abandon", [0]);
    const through = await group.settledThrough();
    const amounts = await Promise.all(
      [0, 1].map(async (i) => BigInt(through - (await group.activeFrom(i))) * (i === 0 ? 10_000n : 3_000n)),
    );
    const due = (amounts[0] as bigint) + (amounts[1] as bigint);
    expect(due).toBeGreaterThan(available);
    for (const i of [0, 1]) {
      const part = ((amounts[i] as bigint) * available) / due;
      expect(await group.credit(i)).toBe(part);
      expect((await group.read("provider", i)).arrears).toBe((amounts[i] as bigint) - part);
    }
    await group.checkBooks();
  });
});

describe("an abandon of a group in arrears", () => {
  it("adds what it cannot credit to what is owed already", async () => {
    const group = await world.group({ deposit: 1_400_000n });
    await group.add("abandon p0", { size: 10n * gibibyte });
    while ((await group.read("state")).arrearsSince === 0n) await group.settleNext();
    const owed = async (): Promise<bigint> => (await group.read("provider", 0)).arrears;
    const [start, before, credit] = [await group.settledThrough(), await owed(), await group.credit(0)];
    expect(before).toBeGreaterThan(0n);
    await world.chain.before(start + 140);
    await group.send(world.payer, "abandon", [0]);
    const blocks = BigInt((await group.settledThrough()) - start);
    expect((await owed()) - before + (await group.credit(0)) - credit).toBe(blocks * 10_000n);
    await group.checkBooks();
  });
});

describe("an abandon during a move", () => {
  it("credits through the new committee's first block", async () => {
    const group = await half();
    await world.chain.before((await group.settledThrough()) + 100);
    const next = await world.committee();
    await group.send(world.payer, "enter", [await next.address(), 4]);
    const begins = Number((await group.read("state")).next.from);
    const start = await group.settledThrough();
    await world.chain.before(start + 140);
    const before = await group.credit(1);
    await group.send(world.payer, "abandon", [0]);
    expect(await group.settledThrough()).toBe(begins);
    expect((await group.credit(1)) - before).toBe(BigInt(begins - start) * 3_000n);
    const old = group.committee;
    group.committee = next;
    expect((await group.read("state")).service.committee).toBe(await next.address());
    await next.catchUp();
    while ((await group.settledThrough()) === begins) {
      const interval = await next.certify();
      if (interval.te > begins) await group.settle(interval, await group.items(interval.te));
    }
    await group.checkBooks([
      [old, 1],
      [next, 1],
    ]);
  });
});

describe("a terminated group", () => {
  it("is never credited past its end", async () => {
    const group = await half();
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    const start = await group.settledThrough();
    const before = await group.credit(1);
    await world.chain.before(Number(endBlock) + 200);
    await group.send(group.providers[0] as Wallet, "abandon", [0]);
    expect((await group.read("state")).ended).toBe(true);
    expect((await group.credit(1)) - before).toBe((endBlock - BigInt(start)) * 3_000n);
    expect((await world.failing(group.send(world.payer, "abandon", [0]))).error).toBe("Upkeeping_Ended");
    await group.send(world.payer, "withdrawPayer", [await group.available(), await world.payer.getAddress()]);
    await group.checkBooks();
  });
});
