/** R32 to R34 and S8: an addition reduces no provider's pay, late payments reach all parties, and an abandon pays all providers at one ratio. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { refusal, type Refusal } from "../support/contracts/chain.ts";
import { leafOf, rootOf, treeOf } from "../support/contracts/tree.ts";
import { gibibyte, lockupOf, range, World, type Config, type Group } from "../support/contracts/world.ts";

let world: World;
let snapshot: unknown;
beforeAll(async () => {
  world = await World.open();
  await world.keepers(8);
  for (const i of range(4)) await world.provider(`funds p${i}`);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const short: Partial<Config> = { lockup: 100 };
const unit = 10n ** 12n;

/** A group whose price is one unit a GiB·block, with money for so many GiB·blocks and providers of these sizes. */
async function groupOf(money: bigint, sizes: readonly bigint[], config = short): Promise<Group> {
  const group = await world.group(4, { config: { price: unit, ...config }, deposit: money * unit });
  for (const [i, size] of sizes.entries()) await group.add(`funds p${i}`, size * gibibyte);
  return group;
}

const refused = (group: Group, call: Promise<unknown>): Promise<Refusal> =>
  refusal(call, group.contract.interface);

async function settle(group: Group, units: readonly bigint[]): Promise<void> {
  const items = units.map((value, provider) => ({ provider, spaceTime: value * gibibyte }));
  await group.settle(await group.proposal(items, { turn: await group.turnNow() }));
}

async function accounts(group: Group): Promise<{ credited: bigint; arrears: bigint }[]> {
  const found = await group.read("providers", 0, group.providers.length);
  return [...found].map(({ credited, arrears }) => ({ credited, arrears }));
}

const earned = async (group: Group): Promise<bigint[]> =>
  [...(await group.read("keeperAccounts", 1, 0, 4))].map((account) => account.earned);

/** Credits of both providers after a touch of each, in either order; the chain is reset afterwards. */
async function touchedInBothOrders(group: Group): Promise<Awaited<ReturnType<typeof accounts>>[]> {
  const results = [];
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const before = await world.chain.rpc("evm_snapshot");
    for (const i of order) await group.send(world.payer, "touch", [i]);
    results.push(await accounts(group));
    await world.chain.rpc("evm_revert", [before]);
  }
  return results;
}

const block = (): Promise<number> => world.chain.block();
const reach = async (target: number): Promise<void> => {
  if (target > (await block()) + 1) await world.chain.before(target);
};

async function abandon(group: Group, blocks = 0): Promise<void> {
  const { interval, lockup } = group.config;
  await reach((await group.settledThrough()) + Math.max(blocks, interval + lockup));
  await group.send(world.payer, "abandon");
}

describe("an addition", () => {
  it("of 2^55 bytes a slot before the end is refused, so that the honest provider gets all its due (S8)", async () => {
    const group = await groupOf(1_000n, [1n]);
    await settle(group, [0n]);
    const ts = await group.settledThrough();
    await reach(ts + 30);
    const drain = await refused(group, group.add("funds p1", 1n << 55n));
    // 29 blocks that are not settled, as many as the transaction's own block has behind it, and the lockup of both.
    const unsettled = BigInt((await block()) - ts) * gibibyte;
    const spaceTime = unsettled + 100n * (gibibyte + (1n << 55n));
    expect(drain).toEqual({
      error: "Upkeeping_Underfunded",
      args: [(spaceTime * unit + gibibyte - 1n) >> 30n, await group.free()],
    });
    await settle(group, [40n]);
    expect(await accounts(group)).toEqual([{ credited: 36n * unit, arrears: 0n }]);
  });

  it("is accepted with exactly the amount that R32 requires, and refused with one unit less", async () => {
    const group = await groupOf(0n, []);
    const needed = lockupOf(group.config, 3n * gibibyte + 1n);
    await group.deposit(needed - 1n);
    const less = await refused(group, group.add("funds p0", 3n * gibibyte + 1n));
    expect(less).toEqual({ error: "Upkeeping_Underfunded", args: [needed, needed - 1n] });
    await group.deposit(1n);
    await group.add("funds p0", 3n * gibibyte + 1n);
    expect(await group.read("withdrawable")).toBe(0n);
  });

  it("of data is refused like one of a provider; a change that needs no additional money is accepted", async () => {
    const group = await groupOf(1_500n, [10n]);
    expect((await refused(group, group.change(0, 16n * gibibyte))).error).toBe("Upkeeping_Underfunded");
    await group.change(0, 12n * gibibyte);
    // Time consumes the escrow; smaller data, other data of the same size and a removal are still accepted.
    await reach((await block()) + 300);
    expect((await refused(group, group.change(0, 12n * gibibyte + 1n))).error).toBe("Upkeeping_Underfunded");
    await group.change(0, 12n * gibibyte);
    await reach((await block()) + 6);
    await group.change(0, 5n * gibibyte);
    await reach((await block()) + 6);
    // The former size is larger than the present one.
    expect((await refused(group, group.change(0, 6n * gibibyte))).error).toBe("Upkeeping_Underfunded");
    await group.send(world.payer, "removeProvider", [0]);
  });
});

describe("what is required (R32)", () => {
  /** In GiB·blocks, rounded up. */
  async function reserve(group: Group): Promise<bigint> {
    return (await group.read("escrow")).reserve / unit;
  }

  it("counts the largest size since the last settlement or scheduled, for the lockup", async () => {
    const group = await groupOf(10_000n, [16n]);
    await settle(group, [0n]);
    const ts = await group.settledThrough();
    await group.change(0, 10n * gibibyte);
    const history = [...(await group.read("dataHistory", 0, 0, 9))];
    const from = Number(history[1].fromBlock);
    await reach(from + 4);
    const now = await block();
    const unsettled = 16n * BigInt(from - ts) + 10n * BigInt(now - from);
    expect(await reserve(group)).toBe(unsettled + 100n * 16n);
    // A scheduled change counts as soon as it is on chain.
    await group.change(0, 20n * gibibyte);
    const later = 16n * BigInt(from - ts) + 10n * BigInt((await block()) - from);
    expect(await reserve(group)).toBe(later + 100n * 20n);
    // A change for the same slot replaces it, and the size that was never in force does not count.
    const inner = await world.chain.rpc("evm_snapshot");
    await group.change(0, 3n * gibibyte);
    expect((await group.read("providers", 0, 1))[0].checkpointCount).toBe(3n);
    expect(await reserve(group)).toBe(later + 10n + 100n * 16n);
    await world.chain.rpc("evm_revert", [inner]);
    await settle(group, [0n]);
    // Settled through a block before the growth took effect, or after it: nothing of the 16 GiB is left in it.
    const open =
      BigInt(await group.read("committedTotal", await group.settledThrough(), await block())) / gibibyte;
    expect(await reserve(group)).toBe(open + 100n * 20n);
    // A larger size does not count after the settlement of its last block.
    await group.change(0, 2n * gibibyte);
    await reach((await block()) + 10);
    for (const _ of range(2)) await settle(group, [0n]);
    const through = await group.settledThrough();
    expect(await reserve(group)).toBe(2n * BigInt((await block()) - through) + 100n * 2n);
  });

  it("counts a provider that leaves until it leaves, and every provider after a terminate until the end", async () => {
    const group = await groupOf(10_000n, [10n, 4n]);
    await settle(group, [0n, 0n]);
    const ts = await group.settledThrough();
    await group.send(world.payer, "removeProvider", [1]);
    const removedAt = Number((await group.read("providers", 1, 1))[0].removedAt);
    const now = await block();
    expect(removedAt).toBeGreaterThan(now);
    expect(await reserve(group)).toBe(BigInt(now - ts) * 14n + 100n * 10n + BigInt(removedAt - now) * 4n);
    await reach(removedAt + 3);
    const then = await block();
    const unsettled = BigInt(then - ts) * 10n + BigInt(removedAt - ts) * 4n;
    expect(await reserve(group)).toBe(unsettled + 100n * 10n);
    await group.send(world.payer, "terminate");
    const { endBlock } = await group.read("state");
    await reach(Number(endBlock) - 20);
    const late = BigInt(await block());
    const all = (late - BigInt(ts)) * 10n + BigInt(removedAt - ts) * 4n + (endBlock - late) * 10n;
    expect(await reserve(group)).toBe(all);
  });
});

describe("the first block that is not funded", () => {
  it("counts scheduled growth, shrinking and additions", async () => {
    const group = await groupOf(2_000n, [10n]);
    await settle(group, [0n]);
    const ts = await group.settledThrough();
    const before = Number(await group.read("fundedUntil"));
    expect(before).toBe(ts + 200);
    await group.change(0, 5n * gibibyte);
    const from = Number((await group.read("dataHistory", 0, 1, 1))[0].fromBlock);
    expect(from).toBeGreaterThan(await block());
    const shrunk = from + (2_000 - 10 * (from - ts)) / 5;
    expect(Number(await group.read("fundedUntil"))).toBe(shrunk);
    // It grows again before the first change takes effect: the second change replaces it.
    const inner = await world.chain.rpc("evm_snapshot");
    await group.change(0, 10n * gibibyte);
    expect(Number(await group.read("fundedUntil"))).toBe(before);
    await world.chain.rpc("evm_revert", [inner]);
    await group.add("funds p1", 3n * gibibyte);
    const added = Number((await group.read("providers", 1, 1))[0].activeFrom);
    const left = 2_000 - 10 * (from - ts) - 5 * (added - from);
    expect(Number(await group.read("fundedUntil"))).toBe(added + Math.floor(left / 8));
    // The last provider leaves: the money lasts for ever.
    await group.send(world.payer, "removeProvider", [0]);
    await reach((await block()) + 12);
    await group.send(world.payer, "removeProvider", [1]);
    expect(await group.read("fundedUntil")).toBe((1n << 64n) - 1n);
  });
});

describe("a deposit after the escrow was short", () => {
  it("pays its keepers their part of the arrears, by a settlement and by collecting (R32)", async () => {
    const group = await groupOf(100n, [1n]);
    const [{ activeFrom }] = await group.read("providers", 0, 1);
    await reach((await group.settledThrough()) + 40 + 7 * 30);
    await settle(group, [200n]);
    expect(await accounts(group)).toEqual([{ credited: 90n * unit, arrears: 100n * unit }]);
    const before = await earned(group);
    expect(Number(activeFrom)).toBeGreaterThan(0);
    await group.send(world.payer, "removeProvider", [0]);
    await reach((await block()) + 10);
    await settle(group, [0n]);
    expect((await group.read("providers", 0, 1))[0].closed).toBe(true);
    await group.deposit(100n * unit);
    const receipt = await group.send(world.payer, "collectArrears", [0]);
    const [after] = await accounts(group);
    // Exact but for the units lost by rounding the cut and dividing the shares.
    expect(after?.arrears).toBe(0n);
    expect(((after?.credited ?? 0n) + 5n) / 10n).toBe((180n * unit) / 10n);
    const shares = await earned(group);
    for (const [i, share] of shares.entries())
      expect((share - (before[i] ?? 0n) + 5n) / 10n).toBe((10n * unit) / 40n);
    const [log] = receipt.logs.map((entry) => group.contract.interface.parseLog(entry));
    expect(log?.name).toBe("ArrearsCollected");
    expect(log?.args["remaining"]).toBe(0n);
    expect(log?.args["share"]).toBe((shares[0] ?? 0n) - (before[0] ?? 0n));
  });

  it("known limit: the cut of arrears goes to the committee in force when they are paid, not to the one that earned it", async () => {
    const group = await groupOf(100n, [1n]);
    await reach((await group.settledThrough()) + 40 + 7 * 30);
    await settle(group, [200n]);
    const first = await earned(group);
    const next = (await world.keepers(8)).slice(4);
    await group.send(world.payer, "proposeCommittee", [next.map(({ operator }) => operator.address)]);
    for (const { operator } of next) await group.send(operator, "acceptSeat", [2]);
    await settle(group, [0n]);
    await group.deposit(1_000n * unit);
    group.keepers.splice(0, 4, ...next);
    await settle(group, [0n]);
    expect(await earned(group)).toEqual(first);
    const second = [...(await group.read("keeperAccounts", 2, 0, 4))].map((account) => account.earned);
    expect(second.reduce((a, b) => a + b)).toBeGreaterThan(9n * unit);
  });
});

describe("an abandon (R34)", () => {
  it("credits a newcomer for its own blocks, and nobody for blocks in which nothing was committed", async () => {
    const group = await groupOf(100_000n, [10n]);
    // A tenth of the committed bytes was proven.
    const committed = async (): Promise<bigint> => {
      const te = (await group.settledThrough()) + group.config.interval;
      return (await group.read("committedSpaceTime", 0, await group.settledThrough(), te)) / gibibyte;
    };
    await settle(group, [(await committed()) / 10n]);
    await settle(group, [40n]);
    const ts = await group.settledThrough();
    const credited = (await accounts(group))[0]?.credited ?? 0n;
    await group.send(world.payer, "removeProvider", [0]);
    await reach((await block()) + 20);
    await group.add("funds p1", 3n * gibibyte);
    await abandon(group, 300);
    const through = BigInt(await group.settledThrough());
    const [left, came] = await group.read("providers", 0, 2);
    for (const i of range(2)) await group.send(world.payer, "touch", [i]);
    const [gone = 0n, newcomer] = (await accounts(group)).map((account) => account.credited);
    // It left after a few blocks of the 300, and proved a tenth before.
    const tenth =
      (((10n * gibibyte * (left.removedAt - BigInt(ts)) * ((1n << 55n) / 10n)) >> 55n) * unit) >> 30n;
    expect(gone - credited).toBe(tenth);
    expect(newcomer).toBe(3n * (through - came.activeFrom) * unit);
  });

  it("with too little money credits all providers the same part, whoever is touched first, and owes the rest without a cut", async () => {
    const group = await groupOf(1_300n, [10n, 3n]);
    await settle(group, [0n, 0n]);
    await settle(group, [0n, 0n]);
    // Both proved nothing at first and everything later; the money lasts for a hundred blocks.
    await group.deposit(520n * unit);
    await settle(group, [400n, 120n]);
    await abandon(group, 400);
    const due = [10n, 3n].map((size) => size * 400n * unit);
    const before = await accounts(group);
    const part = ((await group.free()) << 64n) / (5_200n * unit);
    const paid = due.map((amount) => (amount * part) >> 64n);
    const expected = before.map(({ credited }, i) => ({
      credited: credited + (paid[i] as bigint),
      arrears: (due[i] as bigint) - (paid[i] as bigint),
    }));
    expect(await touchedInBothOrders(group)).toEqual([expected, expected]);
    // The next settlement pays the arrears without a cut: abandoned blocks have no keepers' cut.
    const shares = await earned(group);
    await group.deposit(10_000n * unit);
    await settle(group, [0n, 0n]);
    expect(await accounts(group)).toEqual(
      before.map(({ credited }, i) => ({ credited: credited + (due[i] as bigint), arrears: 0n })),
    );
    expect(await earned(group)).toEqual(shares);
  });

  it("with too little money, after one with enough, pays both by one ratio, whoever is touched first", async () => {
    const group = await groupOf(1_300n, [10n, 3n]);
    await settle(group, [0n, 0n]);
    await settle(group, [0n, 0n]);
    await group.deposit(1_520n * unit);
    await settle(group, [400n, 120n]);
    const before = await accounts(group);
    const from = await group.settledThrough();
    await abandon(group);
    const first = BigInt((await group.settledThrough()) - from);
    // The escrow covers the first abandon, but not both together.
    expect(first * 13n * unit).toBeLessThanOrEqual(await group.free());
    await abandon(group, 200);
    const blocks = BigInt((await group.settledThrough()) - from);
    const due = [10n, 3n].map((size) => size * blocks * unit);
    const part = ((await group.free()) << 64n) / (13n * blocks * unit);
    expect(part).toBeLessThan(1n << 64n);
    const paid = due.map((amount) => (amount * part) >> 64n);
    const expected = before.map(({ credited }, i) => ({
      credited: credited + (paid[i] as bigint),
      arrears: (due[i] as bigint) - (paid[i] as bigint),
    }));
    expect(await touchedInBothOrders(group)).toEqual([expected, expected]);
  });

  it("known limit: if the escrow is short, the reserve counts committed bytes, also of providers that proved less", async () => {
    const group = await groupOf(1_300n, [10n, 3n]);
    await settle(group, [0n, 0n]);
    await settle(group, [0n, 120n]);
    await abandon(group, 400);
    const money = await group.free();
    for (const i of range(2)) await group.send(world.payer, "touch", [i]);
    const [, second] = await accounts(group);
    // 1,200 are due to the second alone, which the escrow has nearly; it gets the part that it would have got of 5,200.
    const paid = (1_200n * unit * ((money << 64n) / (5_200n * unit))) >> 64n;
    expect(second?.arrears).toBe(1_200n * unit - paid);
    expect(await group.free()).toBeGreaterThan(800n * unit);
  });

  it("known limit: after the end arrears are collected one after the other, so the first provider may get more", async () => {
    const group = await groupOf(202n, [1n, 1n]);
    await reach((await block()) + 300);
    await group.send(world.payer, "terminate");
    await reach(Number((await group.read("state")).endBlock) + 60);
    await settle(group, [400n, 400n]);
    expect((await group.read("state")).ended).toBe(true);
    const owed = await accounts(group);
    // Half of both arrears is deposited, and the second provider gets all of it.
    await group.deposit((owed[1]?.arrears ?? 0n) - (await group.free()));
    await group.send(world.payer, "collectArrears", [1]);
    expect((await accounts(group)).map(({ arrears }) => arrears)).toEqual([owed[0]?.arrears, 0n]);
    expect(await group.free()).toBeLessThan(4n);
  });

  it("known limit: a Merkle group compares bytes a block, so it pays in full for less data although only a tenth of more data was proven", async () => {
    const group = await groupOf(100_000n, [10n], { ...short, merkle: true });
    await reach(Number((await group.read("providers", 0, 1))[0].activeFrom));
    const root = async (cumulative: bigint, total: bigint): Promise<void> => {
      const { items: _, ...terms } = await group.proposal([], { turn: await group.turnNow() });
      const layers = treeOf([leafOf(0, cumulative)]);
      await group.settleRoot({ ...terms, root: rootOf(layers), totalSpaceTime: total });
    };
    await root(0n, 0n);
    // Of 10 GiB one was proven in every settled block.
    const { activeFrom } = (await group.read("providers", 0, 1))[0];
    const proven = BigInt((await group.settledThrough()) + 40 - Number(activeFrom)) * gibibyte;
    await root(proven, proven);
    await group.send(world.payer, "claim", [0, proven, []]);
    const ts = await group.settledThrough();
    const before = (await accounts(group))[0]?.credited ?? 0n;
    await group.change(0, gibibyte);
    const from = (await group.read("dataHistory", 0, 1, 1))[0].fromBlock;
    await abandon(group, 300);
    await group.send(world.payer, "touch", [0]);
    const whole = (BigInt(await group.settledThrough()) - from) * unit;
    const larger = (from - BigInt(ts)) * unit;
    expect(((await accounts(group))[0]?.credited ?? 0n) - before).toBe(whole + larger);
  });
});
