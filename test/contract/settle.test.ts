/** Settlement of intervals in a group (R16, R25, R29, R30). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  gibibyte,
  GroupWorld,
  perGibibyteBlock,
  type Committee,
  type Group,
} from "../support/contracts/group-world.ts";

let world: GroupWorld;
beforeAll(async () => {
  world = await GroupWorld.open();
});
afterAll(() => world.chain.close());

/** A group in which `sizes` providers have been settled once, so that the next interval is a whole one. */
async function settledGroup(
  sizes: readonly bigint[],
  config: Parameters<GroupWorld["group"]>[0] = {},
): Promise<Group> {
  const group = await world.group(config);
  for (const [i, size] of sizes.entries()) await group.add(`settle p${i}`, { size: size * gibibyte });
  await group.settleNext();
  return group;
}

describe("an interval of 40 blocks, 10 GiB and 3 GiB at 1,000 units per GiB and block", () => {
  let group: Group;
  beforeAll(async () => {
    group = await settledGroup([10n, 3n]);
  });

  it("pays what was proven, less the keepers' tenth, which is divided by n (R30)", async () => {
    const before = [await group.credit(0), await group.credit(1), await group.keeper(0)] as const;
    const settled = await group.settleNext({ 0: 360n * gibibyte, 1: 120n * gibibyte });
    expect(settled.through - settled.from).toBe(40);
    expect((await group.credit(0)) - before[0]).toBe(324_000n);
    expect((await group.credit(1)) - before[1]).toBe(108_000n);
    expect((await group.keeper(0)) - before[2]).toBe(12_000n);
    expect(settled).toMatchObject({ cut: 48_000n, fee: 0n, divisor: 4, sender: 255, unpaid: 0n, version: 1 });
    expect(settled.providers).toEqual([
      { provider: 0, spaceTime: 360n * gibibyte, amount: 324_000n },
      { provider: 1, spaceTime: 120n * gibibyte, amount: 108_000n },
    ]);
    await group.checkBooks();
  });

  it("rounds every division down, so that nothing is paid that is not there (R30)", async () => {
    const cheap = await world.group();
    await cheap.add("settle cheap", { size: gibibyte, price: perGibibyteBlock(1n) });
    await cheap.settleNext();
    const [credit, share] = [await cheap.credit(0), await cheap.keeper(0)];
    // 37 units and a half: 37, of which 3 are the cut, less than one for each of four keepers.
    const settled = await cheap.settleNext({ 0: 37n * gibibyte + gibibyte / 2n });
    expect(settled.cut).toBe(3n);
    expect([await cheap.credit(0), await cheap.keeper(0)]).toEqual([credit + 34n, share]);
    await cheap.checkBooks();
  });

  it("never pays for more than was committed (R16)", async () => {
    const before = await group.credit(1);
    const settled = await group.settleNext({ 0: 0n, 1: 400n * gibibyte });
    expect(settled.providers[1]).toEqual({ provider: 1, spaceTime: 120n * gibibyte, amount: 108_000n });
    expect((await group.credit(1)) - before).toBe(108_000n);
  });

  it("leaves the share of an unpaid member in the payer's escrow (R30)", async () => {
    const shares = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    const available = await group.available();
    await group.settleNext({ 0: 360n * gibibyte, 1: 120n * gibibyte }, { unpaid: [2] });
    const after = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    expect(after.map((share, i) => share - (shares[i] as bigint))).toEqual([12_000n, 12_000n, 0n, 12_000n]);
    expect(available - (await group.available())).toBe(432_000n + 36_000n);
    await group.checkBooks();
  });

  it("divides by n − |failed|, so the others divide the share of a failed leader", async () => {
    const before = await group.keeper(0);
    await group.settleNext({ 0: 400n * gibibyte, 1: 0n }, { unpaid: [1], failed: 1 });
    // 40,000 of 400,000, divided by three, rounded down.
    expect((await group.keeper(0)) - before).toBe(13_333n);
    await group.checkBooks();
  });

  it("gives the leader's share to the member that settled in its place (R25)", async () => {
    const shares = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    await group.settleNext({ 0: 400n * gibibyte, 1: 0n }, { unpaid: [3], sender: 1 });
    const after = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    expect(after.map((share, i) => share - (shares[i] as bigint))).toEqual([10_000n, 20_000n, 10_000n, 0n]);
    await group.checkBooks();
  });

  it("keeps the debts of members that are left out in turn", async () => {
    const shares = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    for (const unpaid of [[0], [0], [1, 2], [], [0], [0, 1, 2, 3]]) {
      await group.settleNext({ 0: 400n * gibibyte, 1: 0n }, { unpaid });
    }
    const after = await Promise.all([0, 1, 2, 3].map((i) => group.keeper(i)));
    // Five intervals have a payee; member 0 missed three of them, members 1 and 2 one.
    expect(after.map((share, i) => share - (shares[i] as bigint))).toEqual([
      20_000n,
      40_000n,
      40_000n,
      50_000n,
    ]);
    await group.checkBooks();
  });
});

describe("prices", () => {
  it("may be 0: a volunteer earns nothing, and neither do its keepers (R30)", async () => {
    const group = await world.group();
    await group.add("volunteer", { price: 0n, size: 5n * gibibyte });
    await group.add("settle p1", { size: gibibyte });
    await group.settleNext();
    const settled = await group.settleNext();
    expect(settled.providers).toEqual([
      { provider: 0, spaceTime: 200n * gibibyte, amount: 0n },
      { provider: 1, spaceTime: 40n * gibibyte, amount: 36_000n },
    ]);
    expect(settled.cut).toBe(4_000n);
  });

  it("are each provider's own", async () => {
    const group = await world.group();
    await group.add("settle p0", { price: perGibibyteBlock(7n) });
    await group.add("settle p1", { price: perGibibyteBlock(11n) });
    await group.settleNext();
    expect((await group.settleNext()).providers.map(({ amount }) => amount)).toEqual([252n, 396n]);
  });

  // Units of 10^-6 USD for 4 USD a TiB and 30 days.
  it.each([12, 0.25])("say 4 USD a TiB and month in USDC, with blocks of %d s", async (seconds) => {
    const blocks = BigInt((30 * 86_400) / seconds);
    const price = (4_000_000n << 64n) / ((1n << 40n) * blocks);
    const group = await world.group({ config: { keeperShareBps: 0 } });
    const sizes = [gibibyte, 10n << 40n];
    for (const [i, size] of sizes.entries()) await group.add(`settle p${i}`, { price, size });
    await group.settleNext();
    const before = [await group.credit(0), await group.credit(1)];
    await group.settleNext();
    for (const [i, size] of sizes.entries()) {
      const paid = (await group.credit(i)) - (before[i] as bigint);
      // Exactly: 4,000,000 units × size / TiB × 40 blocks / blocks of a month.
      const [due, scale] = [4_000_000n * size * 40n, (1n << 40n) * blocks];
      expect(paid * scale).toBeLessThanOrEqual(due);
      expect((paid + 1n) * scale).toBeGreaterThan(due);
    }
  });
});

describe("a change of data in the interval", () => {
  it("is paid in proportion of value to bytes: ⌊min(signed, S) × V / (S × 2^64)⌋ (R30)", async () => {
    const group = await settledGroup([4n]);
    const from = await group.committee.certifiedThrough();
    await group.change(0, { size: 8n * gibibyte, price: perGibibyteBlock(3_000n) });
    const changed = Number((await group.read("dataOf", 0)).at(-1).from);
    expect((changed - from) % 5).toBe(0);
    const early = BigInt(changed - from);
    const [s, v] = [4n * early + 8n * (40n - early), 4n * early * 1000n + 8n * (40n - early) * 3000n];
    const before = await group.credit(0);
    const settled = await group.settleNext({ 0: (s / 2n) * gibibyte });
    const amount = ((s / 2n) * v) / s;
    expect((await group.credit(0)) - before).toBe(amount - amount / 10n);
    expect(settled.providers[0]?.spaceTime).toBe((s / 2n) * gibibyte);
    const [now] = await group.read("dataOf", 0);
    expect([now.size, now.price]).toEqual([8n * gibibyte, perGibibyteBlock(3_000n)]);
  });

  it("pays a new provider from its first slot on", async () => {
    const group = await settledGroup([4n]);
    const index = await group.add("settle late", { size: 2n * gibibyte });
    const begin = await group.activeFrom(index);
    const settled = await group.settleNext();
    expect(settled.providers[1]?.spaceTime).toBe(2n * gibibyte * BigInt(settled.through - begin));
  });

  it("needs no item of a provider that begins at the end of the interval or later", async () => {
    const group = await settledGroup([4n]);
    const interval = await group.committee.certify();
    const index = await group.add("settle later", { size: 2n * gibibyte });
    expect(await group.activeFrom(index)).toBeGreaterThanOrEqual(interval.te);
    expect(await world.failing(group.settle(interval, await group.items(interval.te + 100)))).toEqual({
      error: "Upkeeping_WrongItemCount",
      args: [1n, 2n],
    });
    await group.settle(interval, await group.items(interval.te));
    expect((await group.settleNext()).providers).toHaveLength(2);
  });
});

describe("keeperFee", () => {
  it("is due for every reserved provider and 65,536 blocks, beside the cut (R30, R38)", async () => {
    const group = await settledGroup([4n], { config: { keeperFee: 65_536n * 3n }, ceiling: 5 });
    const before = await group.keeper(2);
    const settled = await group.settleNext({ 0: 160n * gibibyte });
    expect(settled).toMatchObject({ cut: 16_000n, fee: 3n * 5n * 40n });
    expect((await group.keeper(2)) - before).toBe((16_000n + 600n) / 4n);
    await group.checkBooks();
  });
});

describe("a call is refused", () => {
  let group: Group;
  let committee: Committee;
  beforeAll(async () => {
    group = await settledGroup([4n, 2n]);
    committee = group.committee;
  });

  it("from anybody but the present committee", async () => {
    const other = await world.committee();
    const [committeeAddress, otherAddress] = [await committee.address(), await other.address()];
    group.committee = other;
    const call = group.settle({ ts: 0, te: 1 }, []);
    group.committee = committee;
    expect(await world.failing(call)).toEqual({
      error: "Upkeeping_NotMyCommittee",
      args: [committeeAddress, otherAddress],
    });
  });

  it("for an interval that is settled already, and for one that others come before (S1)", async () => {
    const first = await committee.certify();
    const items = await group.items(first.te);
    const second = await committee.certify();
    const ahead = await world.failing(group.settle(second, items));
    expect(ahead.error).toBe("Upkeeping_StaleInterval");
    expect(ahead.args).toEqual([first.ts, second.ts, second.te].map(BigInt));
    await group.settle(first, items);
    expect((await world.failing(group.settle(first, items))).error).toBe("Upkeeping_StaleInterval");
    await group.settle(second, items);
  });

  it("for a provider that begins later, in place of one that has data", async () => {
    const group = await settledGroup([10n]);
    const { ts, te } = await group.committee.certify();
    await group.add("settle p1", { size: gibibyte });
    expect(await group.activeFrom(1)).toBeGreaterThanOrEqual(te);
    expect(await world.failing(group.settle({ ts, te }, [{ provider: 1, spaceTime: 1n }]))).toEqual({
      error: "Upkeeping_ProviderNotActive",
      args: [1n],
    });
    await group.settle({ ts, te }, [{ provider: 0, spaceTime: 1n }]);
  });

  it("unless there is one item for each provider with data, ascending, within its bits", async () => {
    const interval = await committee.certify();
    const item = (provider: number, spaceTime = 1n): { provider: number; spaceTime: bigint } => ({
      provider,
      spaceTime,
    });
    const refused = async (items: readonly { provider: number; spaceTime: bigint }[]): Promise<unknown> =>
      world.failing(group.settle(interval, items));
    expect(await refused([item(0)])).toEqual({ error: "Upkeeping_WrongItemCount", args: [2n, 1n] });
    expect(await refused([item(1), item(1)])).toEqual({
      error: "Upkeeping_ItemsNotAscending",
      args: [1n, 1n],
    });
    expect(await refused([item(1), item(0)])).toEqual({
      error: "Upkeeping_ItemsNotAscending",
      args: [1n, 0n],
    });
    expect(await refused([item(0), item(2)])).toEqual({ error: "Upkeeping_ProviderNotActive", args: [2n] });
    expect(await refused([item(0), item(2 ** 32)])).toMatchObject({ error: "Upkeeping_BadItem" });
    await group.settle(interval, [item(0), item(1)]);
  });
});

describe("a group without data", () => {
  it("is passed over by certificates, and settles from its first provider's interval on (R38)", async () => {
    const group = await world.group({ config: { keeperFee: 65_536n } });
    await group.committee.certify();
    await group.committee.certify();
    // The provider begins inside the next interval.
    const index = await group.add("settle p0");
    const begin = await group.activeFrom(index);
    const settled = await group.settleNext();
    expect(settled.from).toBeGreaterThan(begin - 40);
    // No fee for the blocks before.
    expect(settled.fee).toBe(8n * BigInt(settled.through - settled.from));
    expect(settled.providers[0]?.spaceTime).toBe(gibibyte * BigInt(settled.through - begin));
    await group.checkBooks();
  });
});

describe("a group whose last provider left", () => {
  it("goes on with the same members' account when another begins", async () => {
    const group = await settledGroup([10n]);
    await group.settleNext();
    const share = await group.keeper(2);
    await group.send(world.payer, "removeProvider", [0]);
    const { leavesAt } = await group.read("provider", 0);
    while ((await group.settledThrough()) < Number(leavesAt)) await group.settleNext();
    expect((await group.read("state")).listed).toBe(0n);
    const before = await group.keeper(2);
    expect(before).toBeGreaterThan(share);
    await group.committee.catchUp();
    const next = await group.add("settle p1", { size: gibibyte });
    while ((await group.credit(next)) === 0n) await group.settleNext();
    expect(await group.keeper(2)).toBeGreaterThan(before);
    await group.checkBooks();
  });
});

describe("a change of members", () => {
  it("closes the account of the version before, and each version keeps what it earned", async () => {
    const group = await settledGroup([10n]);
    const { committee } = group;
    await group.settleNext({ 0: 400n * gibibyte }, { unpaid: [1] });
    const before = await Promise.all([0, 1].map((i) => group.keeper(i, 1)));
    committee.version = 2;
    committee.versionFrom = await committee.certifiedThrough();
    await group.settleNext({ 0: 400n * gibibyte }, { unpaid: [0] });
    await group.settleNext({ 0: 400n * gibibyte }, { unpaid: [0] });
    expect(await Promise.all([0, 1].map((i) => group.keeper(i, 1)))).toEqual(before);
    expect(await Promise.all([0, 1, 2].map((i) => group.keeper(i, 2)))).toEqual([0n, 20_000n, 20_000n]);
    await group.checkBooks([
      [committee, 1],
      [committee, 2],
    ]);
  });

  it("keeps the debts of members without a share when an account is opened again", async () => {
    const group = await settledGroup([10n]);
    const { committee } = group;
    const settleAs = async (version: number, unpaid: number[]): Promise<void> => {
      committee.version = version;
      committee.versionFrom = await committee.certifiedThrough();
      await group.settleNext({ 0: 400n * gibibyte }, { unpaid });
    };
    const before = await Promise.all([0, 1, 2].map((i) => group.keeper(i, 1)));
    await settleAs(1, [1]);
    await settleAs(2, [0]);
    await settleAs(1, [1]);
    await settleAs(2, [0]);
    await settleAs(1, [2]);
    const gained = await Promise.all(
      [0, 1, 2].map(async (i) => (await group.keeper(i, 1)) - (before[i] as bigint)),
    );
    expect(gained).toEqual([30_000n, 10_000n, 20_000n]);
    expect(await Promise.all([0, 1, 2].map((i) => group.keeper(i, 2)))).toEqual([0n, 20_000n, 20_000n]);
    await group.checkBooks([
      [committee, 1],
      [committee, 2],
    ]);
  });
});
