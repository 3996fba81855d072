/** Groups that a committee serves: entering, ceilings, leaving, release (R5, R38). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ZeroAddress, type Contract } from "ethers";
import { deployContract, send, type Refusal } from "../support/contracts/chain.ts";
import {
  certified,
  type Committee,
  type GroupTerms,
  type StandIn,
} from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

let world: CommitteeWorld;
let committee: Committee;
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  committee = await world.committee(await world.keepers(7), { terms: { mostProviders: 10 } });
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

async function standIn(): Promise<Contract> {
  const contract = await deployContract("GroupStandIn", world.convener);
  await send(world.factory, world.convener, "recognise", [contract]);
  return contract;
}

async function entering(
  contract: Contract,
  change: Partial<GroupTerms> = {},
  { into = committee, ceiling = 3, earliest = 0 } = {},
): Promise<ReturnType<typeof send>> {
  const terms = { ...into.groupTerms(), ...change };
  return send(contract, world.convener, "enter", [into.contract, terms, ceiling, earliest]);
}

const failing = (call: Promise<unknown>): Promise<Refusal> => world.failing(call);

async function end({ contract, number }: StandIn, left: number): Promise<void> {
  await send(contract, world.convener, "end", [committee.contract, number, left]);
}

async function leftAfter(blocks: number): Promise<number> {
  return Number(await committee.read("firstSlotFrom", (await world.chain.block()) + blocks));
}

describe("a group", () => {
  it("enters at the first slot boundary more than `confirmations` blocks later, with a new number", async () => {
    const origin = Number(await committee.read("originBlock"));
    for (let wait = 0; wait < 6; wait += 1) {
      const contract = await standIn();
      const receipt = await entering(contract, {}, { ceiling: 1 });
      const number = wait + 1;
      const { group, ceiling, entered, left } = await committee.read("membership", number);
      expect([group, ceiling, left]).toEqual([await contract.getAddress(), 1n, 0n]);
      const from = Number(entered);
      expect((from - origin) % 5).toBe(0);
      expect(from - receipt.blockNumber).toBeGreaterThan(1);
      expect(from - receipt.blockNumber).toBeLessThanOrEqual(6);
      expect(committee.events(receipt)).toEqual([
        { name: "GroupEntered", args: [BigInt(number), await contract.getAddress(), 1n, entered] },
      ]);
    }
    expect([await committee.read("lastNumber"), await committee.read("reserved")]).toEqual([6n, 6n]);
  });

  it("begins at a block of its own in a move, never under a number that was used", async () => {
    const [first] = await committee.enterStandIns(1);
    const earliest = (await world.chain.block()) + 103;
    await end(first as StandIn, await leftAfter(10));
    await entering((first as StandIn).contract, {}, { earliest });
    const { entered } = await committee.read("membership", 2);
    expect(Number(entered)).toBeGreaterThanOrEqual(earliest);
    expect(Number(entered) - earliest).toBeLessThan(5);
    expect((await committee.read("membership", 1)).left).toBeGreaterThan(0n);
  });

  it("is one of the factory", async () => {
    const stranger = await deployContract("GroupStandIn", world.convener);
    expect(await failing(entering(stranger))).toEqual({
      error: "Committee_NotAGroup",
      args: [await stranger.getAddress()],
    });
  });

  it.each<[string, Partial<GroupTerms>, string, number, number]>([
    ["keeperFee", { keeperFee: 4n }, "Committee_FeeTooLow", 5, 4],
    ["keeperShareBps", { keeperShareBps: 999 }, "Committee_ShareTooLow", 1000, 999],
    // h + (f+1)·t with f = 2.
    ["lockup", { lockup: 129 }, "Committee_LockupTooShort", 130, 129],
  ])(
    "has the %s that the committee asks for, or more (R4, R38)",
    async (_, change, error, expected, actual) => {
      const open = await world.committee(await world.keepers(7), {
        terms: { leastKeeperFee: 5n, open: true },
      });
      const contract = await standIn();
      expect(await failing(entering(contract, change, { into: open }))).toEqual({
        error,
        args: [BigInt(expected), BigInt(actual)],
      });
      await entering(contract, { keeperFee: 5n, lockup: 130, keeperShareBps: 1000 }, { into: open });
    },
  );

  it("pays in the committee's token", async () => {
    const { token } = committee.terms;
    expect(await failing(entering(await standIn(), { token: ZeroAddress }))).toEqual({
      error: "Committee_WrongToken",
      args: [token, ZeroAddress],
    });
  });

  it("is let into a closed committee by its convener, whose own groups need no invitation", async () => {
    const contract = await standIn();
    const address = await contract.getAddress();
    const payer = committee.member(0).operator.address;
    const refused = { error: "Committee_NotInvited", args: [address] };
    expect(await failing(entering(contract, { payer }))).toEqual(refused);
    const { operator } = committee.member(0);
    expect(await failing(committee.send(operator, "invite", [address, true]))).toEqual({
      error: "Committee_NotConvener",
      args: [world.convener.address, operator.address],
    });
    const receipt = await committee.send(world.convener, "invite", [address, true]);
    expect(committee.events(receipt)).toEqual([{ name: "GroupInvited", args: [address, true] }]);
    await committee.send(world.convener, "invite", [address, false]);
    expect(await failing(entering(contract, { payer }))).toEqual(refused);
    await committee.send(world.convener, "invite", [address, true]);
    await entering(contract, { payer });
    await entering(await standIn());
  });
});

describe("a ceiling", () => {
  it("is reserved from the most that the committee serves, and freed when the membership is over", async () => {
    const [first, second] = (await committee.enterStandIns(2)) as [StandIn, StandIn];
    const change = (group: StandIn, ceiling: number): Promise<unknown> =>
      send(group.contract, world.convener, "changeCeiling", [committee.contract, group.number, ceiling]);
    await change(first, 6);
    expect(await committee.read("reserved")).toBe(9n);
    expect(await failing(change(second, 5))).toEqual({ error: "Committee_TooManyProviders", args: [4n, 5n] });
    expect(await failing(entering(await standIn(), {}, { ceiling: 2 }))).toEqual({
      error: "Committee_TooManyProviders",
      args: [1n, 2n],
    });
    expect((await failing(entering(await standIn(), {}, { ceiling: 0 }))).error).toBe(
      "Committee_TooManyProviders",
    );

    const reclaim = (...numbers: number[]): Promise<unknown> =>
      committee.send(committee.member(5).operator, "reclaim", [numbers]);
    expect(await failing(reclaim(1))).toEqual({ error: "Committee_NotOver", args: [1n, 0n] });
    const left = await leftAfter(20);
    await end(first, left);
    expect(await failing(reclaim(1))).toEqual({ error: "Committee_NotOver", args: [1n, BigInt(left)] });
    await world.chain.before(left);
    await reclaim(1);
    expect(await committee.read("reserved")).toBe(3n);
    expect((await committee.read("membership", 1)).ceiling).toBe(0n);
    expect(await failing(reclaim(1))).toEqual({ error: "Committee_NotOver", args: [1n, BigInt(left)] });
    expect((await failing(change(first, 1))).error).toBe("Committee_NotOver");
    expect((await failing(reclaim(9))).error).toBe("Committee_NotOver");
    await entering(await standIn(), {}, { ceiling: 7 });
  });
});

describe("a membership", () => {
  it("ends where its group says, and a later word replaces an earlier one", async () => {
    const [group] = (await committee.enterStandIns(1)) as [StandIn];
    const { entered } = await committee.read("membership", 1);
    await end(group, Number(entered) + 50);
    await end(group, Number(entered) + 20);
    expect((await committee.read("membership", 1)).left).toBe(entered + 20n);
    await end(group, Number(entered));
    expect(await failing(end(group, Number(entered) - 1))).toEqual({
      error: "Committee_EndsBeforeEntry",
      args: [entered, entered - 1n],
    });
  });

  it("is ended by its own group alone", async () => {
    const [group, other] = (await committee.enterStandIns(2)) as [StandIn, StandIn];
    expect(await failing(end({ ...other, number: group.number }, 10_000))).toEqual({
      error: "Committee_NotThatGroup",
      args: [await group.contract.getAddress(), await other.contract.getAddress()],
    });
    expect((await failing(end({ ...group, number: 7 }, 10_000))).error).toBe("Committee_NotThatGroup");
  });

  it("is released at a member's word, if the group agrees that it may (R38)", async () => {
    const [group] = (await committee.enterStandIns(1)) as [StandIn];
    const release = (from: Parameters<Committee["send"]>[0], number: number): Promise<unknown> =>
      committee.send(from, "releaseGroup", [number]);
    expect(await failing(release(world.convener, 1))).toEqual({
      error: "Committee_NotMember",
      args: [world.convener.address],
    });
    const member = committee.member(3).operator;
    expect(await failing(release(member, 2))).toEqual({ error: "Committee_NoSuchGroup", args: [1n, 2n] });
    await release(member, group.number);
    expect(await group.contract.getFunction("released")()).toBe(1n);
  });
});

describe("a committee that owes no certificate", () => {
  it("begins anew in the block in which the next group begins (R5)", async () => {
    const origin = await committee.certifiedThrough();
    await world.chain.before(origin + 500);
    const [first] = (await committee.enterStandIns(1)) as [StandIn];
    const { entered } = await committee.read("membership", 1);
    expect(await committee.certifiedThrough()).toBe(Number(entered));
    await committee.certifyNext(certified([first]));
    const left = await leftAfter(5);
    await end(first, left);
    // It owes the certificate of the blocks up to `left` still: a group that enters now changes nothing.
    const ts = await committee.certifiedThrough();
    const [second] = (await committee.enterStandIns(1)) as [StandIn];
    expect(await committee.certifiedThrough()).toBe(ts);
    await end(second, await leftAfter(5));
    await committee.certifyNext(certified([first, second]));
    await world.chain.before((await world.chain.block()) + 300);
    await committee.enterStandIns(1);
    const { entered: later } = await committee.read("membership", 3);
    expect(await committee.certifiedThrough()).toBe(Number(later));
  });

  it("begins earlier if a second group begins before the first one (R5)", async () => {
    const earliest = (await world.chain.block()) + 200;
    await entering(await standIn(), {}, { earliest });
    expect(await committee.certifiedThrough()).toBeGreaterThanOrEqual(earliest);
    await committee.enterStandIns(1);
    const { entered } = await committee.read("membership", 2);
    expect(await committee.certifiedThrough()).toBe(Number(entered));
    await committee.enterStandIns(1);
    expect(await committee.certifiedThrough()).toBe(Number(entered));
  });

  it("is not held up by a move that came to nothing", async () => {
    const earliest = (await world.chain.block()) + 200;
    const contract = await standIn();
    await entering(contract, {}, { earliest });
    const { entered } = await committee.read("membership", 1);
    await end({ contract, number: 1 }, Number(entered));
    await committee.enterStandIns(1);
    const { entered: next } = await committee.read("membership", 2);
    expect(await committee.certifiedThrough()).toBe(Number(next));
    expect(next).toBeLessThan(entered);
  });

  it("is not held up by such a move either if it served another group meanwhile", async () => {
    const [first] = (await committee.enterStandIns(1)) as [StandIn];
    await committee.certifyNext(certified([first]));
    const contract = await standIn();
    await entering(contract, {}, { earliest: (await world.chain.block()) + 300 });
    const { entered } = await committee.read("membership", 2);
    await end({ contract, number: 2 }, Number(entered));
    const left = await leftAfter(5);
    await end(first, left);
    while ((await committee.certifiedThrough()) < left) await committee.certifyNext(certified([first]));
    expect(await committee.certifiedThrough()).toBeLessThan(Number(entered));
    await committee.enterStandIns(1);
    const { entered: next } = await committee.read("membership", 3);
    expect(await committee.certifiedThrough()).toBe(Number(next));
    expect(next).toBeLessThan(entered);
  });
});

describe("slot boundaries", () => {
  it("are o + k·c (R8)", async () => {
    const origin = Number(await committee.read("originBlock"));
    const first = async (block: number): Promise<number> =>
      Number(await committee.read("firstSlotFrom", block)) - origin;
    const last = async (block: number): Promise<number> =>
      Number(await committee.read("lastSlotAt", block)) - origin;
    expect([await first(0), await first(origin), await first(origin + 1), await first(origin + 5)]).toEqual([
      0, 0, 5, 5,
    ]);
    expect([await last(0), await last(origin), await last(origin + 4), await last(origin + 5)]).toEqual([
      0, 0, 0, 5,
    ]);
  });
});
