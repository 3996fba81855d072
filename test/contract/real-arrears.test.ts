/** Money of past versions and past committees: late settlements, arrears, and withdrawals over many groups (R31, R32, R37). */
import type { Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { lockup, ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";
import type { Keeper } from "../support/contracts/basics.ts";

let world: ServiceWorld;
let committee: Committee;
beforeAll(async () => {
  world = await ServiceWorld.open();
});
afterAll(() => world.chain.close());

/** A group of a new committee with one provider of 10 GiB, 10,000 units a block. */
async function served(deposit: bigint): Promise<ServedGroup> {
  committee = await world.committee();
  const group = await world.group(committee, { deposit });
  await group.add("arrears p0", { size: 10n * gibibyte });
  return group;
}

/** Certifies until the escrow is short; what is owed to the keepers does not divide by four. */
async function short(): Promise<ServedGroup> {
  const group = await served(1_234_577n);
  while ((await group.read("state")).arrearsSince === 0n) await world.certify(committee);
  const owed: bigint = await group.read("keeperArrears", committee.address, 1);
  if (owed % 4n === 0n) throw new Error(`arrears of the keepers: expected a remainder by 4, actual ${owed}`);
  return group;
}

/** Keeper 9 in place of keeper 0: complete, and in force from the next certificate's end on. */
async function handOver(): Promise<Keeper[]> {
  const keepers = await world.committees.keepers(10);
  const next = [keepers[9] as Keeper, ...committee.members.slice(1)];
  const version = await committee.propose(next);
  for (const { operator } of [...committee.members, keepers[9] as Keeper]) {
    if ((await committee.read("versionInfo", version)).completedAt === 0n)
      await committee.send(operator, "consent", [version]);
  }
  return next;
}

describe("a group settled late under an old version's certificates", () => {
  it("credits the versions that signed them, each for its own blocks (R37)", async () => {
    const group = await served(10n ** 9n);
    const begins = await group.activeFrom(0);
    const first = await world.certify(committee, { length: 0 });
    const next = await handOver();
    const second = await world.certify(committee, { length: 0 });
    const [old, retired] = [committee.members, committee.member(0).operator];
    committee.members = next;
    expect(await committee.read("currentVersion")).toBe(2n);
    const third = await world.certify(committee, { length: 0 });

    // A group takes its certificates one after another.
    const tooEarly = await committee.settle(third.certificate, third.scope);
    expect(committee.events(tooEarly).map(({ name }) => name)).toEqual(["GroupRefused"]);
    for (const { certificate, scope } of [first, second, third]) {
      const receipt = await committee.settle(certificate, scope);
      expect(committee.events(receipt)).toEqual([]);
    }
    const [change, end] = [second.certificate.te, third.certificate.te];
    const share = (blocks: number): bigint => BigInt(blocks) * 250n;
    for (let member = 0; member < 4; member += 1) {
      expect(await group.balance(committee, 1, member)).toBe(share(change - begins));
      expect(await group.balance(committee, 2, member)).toBe(share(end - change));
    }
    // The member that left takes its money out; the one that came has none of it.
    const before = await world.balanceOf(retired.address);
    const { factory } = world.committees;
    const claim = [[await group.address(), committee.address, 1, 0]];
    await send(factory, retired, "withdrawKeepers", [claim]);
    expect((await world.balanceOf(retired.address)) - before).toBe(share(change - begins));
    const refused = await send(factory, (next[0] as Keeper).operator, "withdrawKeepers", [claim]);
    expect(world.committees.factoryEvents(refused).map(({ name }) => name)).toEqual(["WithdrawalFailed"]);
    expect(old).toHaveLength(4);
    await group.checkBooks([committee, 2]);
  });
});

describe("arrears of an old version's keepers", () => {
  it("are not thinned by the new version's earnings, and are collected by anybody once the escrow carries them", async () => {
    const group = await short();
    const next = await handOver();
    await world.certify(committee);
    committee.members = next;
    const owed: bigint = await group.read("keeperArrears", committee.address, 1);
    const owedProvider = (await group.read("provider", 0)).arrears;
    const collect = (): Promise<unknown> =>
      group.send(world.committees.convener, "collectKeeperArrears", [committee.address, 1]);
    expect((await world.failing(collect())).error).toBe("Upkeeping_Underfunded");

    await group.deposit(10n ** 8n);
    const start = await group.settledThrough();
    const [credit, old] = [await group.credit(0), await group.balance(committee, 1, 2)];
    await world.certify(committee);
    const blocks = BigInt((await group.settledThrough()) - start);
    // The provider's arrears are paid with the settlement; those of the version that signed would be, too.
    expect((await group.credit(0)) - credit).toBe(owedProvider + blocks * 9_000n);
    expect(await group.read("keeperArrears", committee.address, 1)).toBe(owed);
    expect(await group.balance(committee, 1, 2)).toBe(old);
    expect(await group.balance(committee, 2, 2)).toBe(blocks * 250n);

    await collect();
    expect((await group.balance(committee, 1, 2)) - old).toBe(owed / 4n);
    expect(await group.balance(committee, 2, 2)).toBe(blocks * 250n);
    await group.checkBooks([committee, 2]);
  });

  it("are collected also when another committee serves the group", async () => {
    const group = await short();
    const first = committee;
    const owed: bigint = await group.read("keeperArrears", first.address, 1);
    const second = await world.committee({ from: 4 });
    await group.deposit(10n ** 8n);
    // Nothing may be settled in between, which would pay them.
    await world.chain.before((await world.chain.block()) + 2);
    await group.enter(second);
    const begins = Number((await group.read("state")).next.from);
    await world.chain.before((await group.settledThrough()) + 40 + lockup);
    await group.send(world.payer, "abandon", [0]);
    expect((await group.read("state")).service.committee).toBe(second.address);
    const balance = await group.balance(first, 1, 3);
    await world.settleThrough(group, second, begins + 1);
    expect(await group.balance(first, 1, 3)).toBe(balance);
    await group.send(first.member(3).operator, "collectKeeperArrears", [first.address, 1]);
    expect((await group.balance(first, 1, 3)) - balance).toBe(owed / 4n);
    await group.checkBooks([first, 1], [second, 1]);
  });
});

describe("a group that paid all that it owed", () => {
  it("is not in arrears any more: what does not divide among the keepers stays the payer's", async () => {
    const group = await short();
    await group.deposit(10n ** 8n);
    await world.certify(committee);
    const { providerArrears, keeperArrears } = await group.read("escrow");
    expect([providerArrears, keeperArrears]).toEqual([0n, 0n]);
    expect((await group.read("state")).arrearsSince).toBe(0n);
    // So no member can release it (R38).
    await world.chain.before((await world.chain.block()) + lockup + 2);
    const release = committee.send(committee.member(0).operator, "releaseGroup", [1]);
    expect((await world.failing(release)).error).toBe("Upkeeping_NotReleasable");
    await group.checkBooks([committee, 1]);
  });

  it("likewise if they were collected", async () => {
    const group = await short();
    await group.deposit(10n ** 8n);
    await group.send(world.payer, "collectKeeperArrears", [committee.address, 1]);
    await group.send(world.payer, "collectArrears", [0]);
    expect((await group.read("state")).arrearsSince).toBe(0n);
    await group.checkBooks([committee, 1]);
  });
});

describe("after the end of a group in arrears whose providers have left", () => {
  it("anybody has all arrears credited at one ratio, without the payer (R32)", async () => {
    const group = await short();
    const provider = group.providers[0] as Wallet;
    await group.send(world.payer, "removeProvider", [0]);
    await group.send(provider, "giveNotice", [0]);
    await world.settleThrough(group, committee, Number((await group.read("provider", 0)).leavesAt));
    expect((await group.read("provider", 0)).closed).toBe(true);
    await group.send(world.payer, "terminate");
    const end = Number((await group.read("state")).endBlock);
    const owed = (await group.read("provider", 0)).arrears;
    const owedKeepers: bigint = await group.read("keeperArrears", committee.address, 1);
    // Half of what is owed comes in.
    await group.deposit((owed + owedKeepers) / 2n);
    const available = await group.available();
    const collect = (): Promise<unknown> => group.send(committee.member(1).operator, "collectAllArrears");
    expect((await world.failing(collect())).error).toBe("Upkeeping_NotEnded");
    await world.chain.before(end + 1);
    const credit = await group.credit(0);
    await collect();
    expect((await group.credit(0)) - credit).toBe((owed * available) / (owed + owedKeepers));
    expect((await group.read("state")).ended).toBe(true);
    await group.checkBooks([committee, 1]);
  });
});
