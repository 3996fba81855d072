/** Groups whose committee stopped, or did not settle them, with real committees (R34, R38). */
import { ZeroAddress, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { lockup, ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";

const interval = 40;
let world: ServiceWorld;
let committee: Committee;
beforeAll(async () => {
  world = await ServiceWorld.open();
});
afterAll(() => world.chain.close());

/** A group of one provider with 10 GiB, 10,000 units a block, settled once; half was proven. */
async function served(): Promise<ServedGroup> {
  committee = await world.committee();
  const group = await world.group(committee);
  await group.add("abandon p0", { size: 10n * gibibyte });
  await world.certify(committee);
  const blocks =
    BigInt((await committee.certifiedThrough()) + interval) - BigInt(await group.settledThrough());
  await world.certify(committee, { signed: () => 5n * gibibyte * blocks });
  return group;
}

/** An abandon in the block before `earliest` is refused. */
async function expectEarliest(group: ServedGroup, ts: number, earliest: number): Promise<void> {
  await world.chain.before(earliest - 1);
  expect(await world.failing(group.send(world.payer, "abandon", [ts]))).toEqual({
    error: "Upkeeping_NotAbandonable",
    args: [BigInt(earliest), BigInt(earliest - 1)],
  });
}

describe("a committee that stopped", () => {
  it("is left after h + lockup; its certificates of later do not concern the group", async () => {
    const group = await served();
    const settled = await group.settledThrough();
    const before = await group.credit(0);
    await expectEarliest(group, 0, settled + interval + lockup);
    const { blockNumber } = await group.send(group.providers[0] as Wallet, "abandon", [0]);
    const origin = Number(await committee.read("originBlock"));
    const through = blockNumber - ((blockNumber - origin) % 5);
    expect(await group.settledThrough()).toBe(through);
    expect((await group.credit(0)) - before).toBe(BigInt(through - settled) * 5_000n);
    expect((await committee.read("membership", 1)).left).toBe(BigInt(through));
    expect((await group.read("state")).service.committee).toBe(ZeroAddress);

    // The committee comes back: nothing of the group is in scope, and a leaf of it is refused.
    const { ts, te } = await committee.certificate([]);
    expect(ts).toBe(settled);
    expect(await world.scopeOf(committee, ts, te)).toEqual([]);
    const leaf = {
      number: 1,
      group: (await group.address()).toLowerCase() as `0x${string}`,
      items: [{ provider: 0, spaceTime: 1n }],
    };
    const c = await committee.certificate([leaf], { te });
    const receipt = await committee.certify(c, [leaf]);
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["GroupRefused", "Certified"]);
    expect(await group.settledThrough()).toBe(through);
    await group.checkBooks([committee, 1]);
  });

  it("is left also if it certified an interval in which the group had no data yet", async () => {
    committee = await world.committee();
    const group = await world.group(committee);
    await world.certify(committee);
    await world.provider("abandon p1");
    // The provider is added so late in an interval that its data begin in the next one.
    const end = (await committee.certifiedThrough()) + interval;
    await world.chain.before(end - 1);
    await group.add("abandon p1", { size: 10n * gibibyte });
    const begins = await group.activeFrom(0);
    expect(begins).toBeGreaterThanOrEqual(end);
    expect(await group.settledThrough()).toBeLessThan(end);
    const { certificate, scope } = await world.certify(committee);
    expect([certificate.te, scope]).toEqual([end, []]);
    // Nothing is remembered, as there was nothing to settle. From here on the committee is silent.
    expect((await committee.read("certificateAt", certificate.ts)).te).toBe(0n);
    await expectEarliest(group, certificate.ts, begins + interval + lockup);
    await group.send(world.payer, "abandon", [certificate.ts]);
    const through = await group.settledThrough();
    expect(await group.credit(0)).toBe(BigInt(through - begins) * 10_000n);
    expect((await group.read("state")).service.committee).toBe(ZeroAddress);
  });

  it("that released the group before does not serve it any longer by an abandon", async () => {
    committee = await world.committee();
    const group = await world.group(committee, { deposit: 1_100_000n });
    await group.add("abandon p2", { size: 10n * gibibyte });
    while ((await group.read("state")).arrearsSince === 0n) await world.certify(committee);
    await world.chain.before(Number((await group.read("state")).arrearsSince) + lockup + 1);
    await committee.send(committee.member(1).operator, "releaseGroup", [1]);
    const { left } = await committee.read("membership", 1);
    await world.chain.before(Number(left) + interval + 2 * lockup);
    await group.send(world.payer, "abandon", [0]);
    // The blocks after it are credited, too: nobody else could.
    expect(await group.settledThrough()).toBeGreaterThan(Number(left));
    expect((await committee.read("membership", 1)).left).toBe(left);
    await group.checkBooks([committee, 1]);
  });
});

describe("an abandon during a move", () => {
  it("leaves the new committee lockup blocks to settle what it certified meanwhile (R34 b)", async () => {
    const group = await served();
    const next = await world.committee({ from: 4 });
    await group.enter(next);
    const begins = Number((await group.read("state")).next.from);
    // The old committee is silent; the new one certifies on time, but the group cannot settle yet.
    await world.chain.before(begins + 1);
    const first = await world.certify(next);
    expect(first.refused).toEqual([{ number: 1, error: "Upkeeping_NotMyCommittee" }]);
    await world.certify(next);
    await world.certify(next);
    const [credit, settled] = [await group.credit(0), await group.settledThrough()];
    await world.chain.before(Math.max(await world.chain.block(), settled + interval + lockup) + 2 * lockup);
    const { blockNumber } = await group.send(world.payer, "abandon", [0]);
    expect(await group.settledThrough()).toBe(begins);
    expect((await group.credit(0)) - credit).toBe(BigInt(begins - settled) * 5_000n);
    expect((await group.read("state")).service.committee).toBe(next.address);

    await expectEarliest(group, first.certificate.ts, blockNumber + lockup);
    const keeper = await group.balance(next, 1, 0);
    await world.settleRemembered(group, next);
    expect(await group.balance(next, 1, 0)).toBeGreaterThan(keeper);
    await group.checkBooks([committee, 1], [next, 1]);
  });
});

describe("a move that the old committee settled late", () => {
  it("leaves the new committee lockup blocks from then on", async () => {
    const group = await served();
    const next = await world.committee({ from: 4 });
    await group.enter(next);
    const begins = Number((await group.read("state")).next.from);
    while ((await committee.certifiedThrough()) + interval < begins) await world.certify(committee);
    await world.chain.before(begins + interval);
    const last = await world.certify(committee, { length: 0 });
    const first = await world.certify(next);
    await world.chain.before((await world.chain.block()) + lockup);
    const { blockNumber } = await committee.settle(last.certificate, last.scope);
    expect(await group.settledThrough()).toBe(begins);
    await expectEarliest(group, first.certificate.ts, blockNumber + lockup);
    await world.settleRemembered(group, next);
    await group.checkBooks([committee, 1], [next, 1]);
  });
});

describe("a certificate that nobody settles here", () => {
  it("lets a provider end the wait after lockup blocks, and the group enter another committee", async () => {
    const group = await served();
    const settled = await group.settledThrough();
    const { certificate, receipt } = await world.certify(committee, { length: 0 });
    // The committee goes on; that changes nothing.
    await world.certify(committee, { length: 0 });
    await expectEarliest(group, certificate.ts, receipt.blockNumber + lockup);
    const before = await group.credit(0);
    await group.send(group.providers[0] as Wallet, "abandon", [certificate.ts]);
    const through = await group.settledThrough();
    expect((await group.credit(0)) - before).toBe(BigInt(through - settled) * 5_000n);
    const next = await world.committee({ from: 4 });
    await group.enter(next);
    const begins = await group.settledThrough();
    // The blocks up to its first block are credited in the call that enters (R34).
    expect((await group.credit(0)) - before).toBe(BigInt(begins - settled) * 5_000n);
    await world.settleThrough(group, next, begins + 1);
    await group.checkBooks([committee, 1], [next, 1]);
  });
});
