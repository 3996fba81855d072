/** What the escrow must hold (R32), and what is refused without it (S8). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gibibyte, GroupWorld, perGibibyteBlock, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

const lockup = 100n;

/** A provider of so many GiB at 1,000 units per GiB·block whose blocks are all settled. */
async function settledGroup(size: bigint, deposit = 10n ** 9n): Promise<Group> {
  const group = await world.group({ deposit });
  await group.add("funds p0", { size: size * gibibyte });
  await group.settleNext();
  return group;
}

const required = async (group: Group): Promise<bigint> => (await group.read("escrow")).required;

/** Blocks since the group was settled, as a view counts them. */
async function unsettled(group: Group): Promise<bigint> {
  return BigInt((await world.chain.block()) - (await group.settledThrough()));
}

/** Leaves exactly so much available in the next block but one. */
async function leave(group: Group, amount: bigint): Promise<void> {
  const rest = (await group.available()) - amount;
  await group.send(world.payer, "withdrawPayer", [rest, await world.payer.getAddress()]);
}

describe("data that need more money", () => {
  it.each([
    ["grows by its bytes", { size: 6n * gibibyte }],
    ["grows by its price", { size: 4n * gibibyte, price: perGibibyteBlock(1_500n) }],
  ])("a change that %s is refused with one unit less than R32 asks for", async (_, change) => {
    const group = await settledGroup(4n);
    const ts = await group.settledThrough();
    await world.chain.before(ts + 9);
    // In block ts + 10: 10 blocks of 4 GiB, and 100 of 6 GiB or of a price one and a half times as high.
    const needed = 10n * 4_000n + lockup * 6_000n;
    const snapshot = await world.chain.rpc("evm_snapshot");
    await leave(group, needed - 1n);
    expect(await world.failing(group.change(0, change))).toEqual({
      error: "Upkeeping_Underfunded",
      args: [needed, needed - 1n],
    });
    await world.chain.rpc("evm_revert", [snapshot]);
    await leave(group, needed);
    await group.change(0, change);
    expect(await world.chain.block()).toBe(ts + 10);
    expect(await required(group)).toBe(needed);
  });

  it("a change that needs no more is never refused, however little there is", async () => {
    const group = await settledGroup(4n, 450_000n);
    // Time eats the escrow up.
    await world.chain.before((await group.settledThrough()) + 60);
    expect(await required(group)).toBeGreaterThan(await group.available());
    await group.change(0, { size: 2n * gibibyte, price: perGibibyteBlock(2_000n) });
    await group.change(0, { size: gibibyte, price: 0n });
    const more = group.change(0, { size: 4n * gibibyte, price: perGibibyteBlock(1_001n) });
    expect((await world.failing(more)).error).toBe("Upkeeping_Underfunded");
  });
});

describe("what is required (R32)", () => {
  it("counts the largest product of bytes and price since the last settlement or ahead, for the lockup", async () => {
    const group = await settledGroup(4n);
    await group.change(0, { size: gibibyte });
    const { from } = (await group.read("dataOf", 0)).at(-1);
    await world.chain.before(Number(from) + 4);
    const four = from - BigInt(await group.settledThrough());
    const blocks = await unsettled(group);
    // 4 GiB were committed after the last settlement: they count for the lockup until they are settled.
    expect(await required(group)).toBe(four * 4_000n + (blocks - four) * 1_000n + lockup * 4_000n);
    await group.settleNext();
    expect(await required(group)).toBe((await unsettled(group)) * 1_000n + lockup * 1_000n);
    // A change ahead counts from the call on: a lower size at a higher price.
    await group.change(0, { size: gibibyte / 2n, price: perGibibyteBlock(7_000n) });
    expect(await required(group)).toBe((await unsettled(group)) * 1_000n + lockup * 3_500n);
  });

  it("counts a provider that leaves until it leaves", async () => {
    const group = await settledGroup(4n);
    await group.add("funds p1", { size: 2n * gibibyte });
    await group.settleNext();
    await group.settleNext();
    await group.send(world.payer, "removeProvider", [0]);
    const { leavesAt } = await group.read("provider", 0);
    const expected = async (): Promise<bigint> => {
      const block = BigInt(await world.chain.block());
      const ahead = leavesAt > block ? leavesAt - block : 0n;
      const committed = (await unsettled(group)) - (block > leavesAt ? block - leavesAt : 0n);
      return (committed + ahead) * 4_000n + ((await unsettled(group)) + lockup) * 2_000n;
    };
    expect(await required(group)).toBe(await expected());
    await world.chain.before(Number(leavesAt) - 3);
    expect(await required(group)).toBe(await expected());
    await world.chain.before(Number(leavesAt) + 10);
    expect(await required(group)).toBe(await expected());
  });

  it("counts every provider until the end after a terminate, and only arrears after it", async () => {
    const group = await settledGroup(4n);
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    const settled = BigInt(await group.settledThrough());
    expect(await required(group)).toBe((endBlock - settled) * 4_000n);
    await world.chain.before(Number(endBlock) - 20);
    expect(await required(group)).toBe((endBlock - settled) * 4_000n);
    await world.chain.before(Number(endBlock) + 30);
    expect(await required(group)).toBe((endBlock - settled) * 4_000n);
    while (!(await group.read("state")).ended) await group.settleNext();
    expect(await required(group)).toBe(0n);
    await leave(group, 0n);
    await group.checkBooks();
  });
});
