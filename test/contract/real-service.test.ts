/** Committees and their groups together: forming both in one call, moves and release (R37, R38, R41). */
import { Contract, ZeroAddress, type TransactionReceipt, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { send } from "../support/contracts/chain.ts";
import { Committee } from "../support/contracts/committee-contract.ts";
import { rhythm } from "../support/contracts/committee-world.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";

let world: ServiceWorld;
beforeAll(async () => {
  world = await ServiceWorld.open();
});
afterAll(() => world.chain.close());

describe("one call for a small payer (R41)", () => {
  let committee: Committee;
  let group: ServedGroup;
  let call: () => Promise<TransactionReceipt>;
  const fee = 65_536n;

  beforeAll(async () => {
    const { committees, payer, token } = world;
    const { factory } = committees;
    const members = await committees.keepers(4);
    const operators = members.map(({ operator }) => operator.address);
    const terms = await committees.terms();
    const config = await world.config({ keeperFee: fee });
    const view = async (name: string, ...args: unknown[]): Promise<string> =>
      factory.getFunction(name)(...args);
    const address = await view("predictCommittee", payer.address, rhythm, terms, operators);
    const abi = artifact("interfaces/ICommittee").abi;
    committee = new Committee(committees, new Contract(address, abi, payer), rhythm, terms, members);
    const groupAddress = await view("predictGroup", payer.address, config, address);
    const consents = members.map((keeper) => committee.consentOf(keeper, 1, 0, operators));
    const args = [rhythm, terms, operators, consents, config, 4];

    await send(token, payer, "transfer", [groupAddress, 4n * 100n - 1n]);
    call = async () => send(factory, payer, "createPrivate", args);
    group = world.groupAt(groupAddress, config);
  });

  it("is refused if the group's address does not hold the fee of its ceiling over the lockup (R32)", async () => {
    expect(await world.failing(call())).toEqual({ error: "Upkeeping_Underfunded", args: [400n, 399n] });
    // The committee is made with the group or not at all.
    expect(await world.chain.provider.getCode(committee.address)).toBe("0x");
  });

  it("makes the committee and the group at the predicted addresses, formed and entered", async () => {
    await send(world.token, world.payer, "transfer", [await group.address(), 10n ** 9n - 399n]);
    const receipt = await call();
    expect(world.created(receipt, "CommitteeCreated")).toBe(committee.address);
    expect(world.created(receipt, "GroupCreated")).toBe(await group.address());
    expect(await committee.read("originBlock")).toBe(BigInt(receipt.blockNumber));
    const { service } = await group.read("state");
    // The first slot boundary more than `confirmations` blocks later: slots begin at the origin, which is this block.
    expect([...service]).toEqual([committee.address, 1n, 4n, BigInt(receipt.blockNumber + 5)]);
    expect([...(await committee.read("membership", 1))]).toEqual([
      await group.address(),
      4n,
      service.from,
      0n,
    ]);
    expect((await group.read("escrow")).available).toBe(10n ** 9n);
    // The committee's first certificate begins with its first group (R5).
    expect(await committee.certifiedThrough()).toBe(receipt.blockNumber + 5);
  });

  it("pays providers and keepers from the first interval on", async () => {
    await group.add("private p0", { size: 10n * gibibyte });
    const begins = await group.activeFrom(0);
    const { certificate: c, refused } = await world.certify(committee);
    expect(refused).toEqual([]);
    const due = BigInt(c.te - begins) * 10_000n;
    expect(await group.credit(0)).toBe(due - due / 10n);
    // The group is settled through the first block of its service when its provider is added: the fee is due from there on.
    const blocks = BigInt(c.te) - (await group.read("state")).service.from;
    const part = (due / 10n + 4n * blocks) / 4n;
    for (let member = 0; member < 4; member += 1)
      expect(await group.balance(committee, 1, member)).toBe(part);
    await group.checkBooks([committee, 1]);
  });

  it("is refused if a consent is missing or of somebody else", async () => {
    const { committees, payer } = world;
    const members = await committees.keepers(4);
    const operators = members.map(({ operator }) => operator.address);
    const terms = await committees.terms();
    const args = [payer.address, rhythm, terms, operators];
    const address = String(await committees.factory.getFunction("predictCommittee")(...args));
    const abi = artifact("interfaces/ICommittee").abi;
    const next = new Committee(committees, new Contract(address, abi, payer), rhythm, terms, members);
    const consents = members.map((keeper) => next.consentOf(keeper, 1, 0, operators));
    const forming = async (given: unknown[]): Promise<unknown> =>
      send(committees.factory, payer, "createPrivate", [
        rhythm,
        terms,
        operators,
        given,
        await world.config(),
        4,
      ]);
    const missing = [...consents.slice(0, 3), { deadline: 0, signature: "0x" }];
    expect(await world.failing(forming(missing))).toEqual({ error: "Committee_NotFormed", args: [4n, 3n] });
    const swapped = [consents[1], consents[0], ...consents.slice(2)];
    expect((await world.failing(forming(swapped))).error).toBe("Committee_BadConsent");
    await forming(consents);
  });
});

describe("a move between two committees (R38)", () => {
  let group: ServedGroup;
  let first: Committee;
  let second: Committee;
  let begins: number;

  beforeAll(async () => {
    first = await world.committee();
    second = await world.committee({
      from: 4,
      rhythm: { slot: 10, turn: 30, interval: 60 },
      terms: { mostProviders: 6 },
    });
    const change = { lockup: 120 };
    group = await world.group(first, { config: change });
    await group.add("move p0", { size: 10n * gibibyte });
    await group.add("move p1", { size: gibibyte });
    await world.certify(first);
  });

  it("begins at the new committee's first slot boundary lockup or more blocks after the call", async () => {
    const { blockNumber } = await group.enter(second, 6);
    const { next, left } = await group.read("state");
    begins = Number(next.from);
    const origin = Number(await second.read("originBlock"));
    expect(begins).toBe(origin + Math.ceil((blockNumber + 120 - origin) / 10) * 10);
    expect(left).toBe(next.from);
    // Both committees know it from that call on, and keepers from its events.
    expect((await first.read("membership", 1)).left).toBe(next.from);
    expect([...(await second.read("membership", 1))]).toEqual([await group.address(), 6n, next.from, 0n]);
  });

  it("lets a provider that gives notice leave at that block at the latest", async () => {
    await world.chain.before(begins - 40);
    await group.send(await world.provider("move p1"), "giveNotice", [1]);
    expect((await group.read("provider", 1)).leavesAt).toBe(BigInt(begins));
  });

  it("does not let the new committee settle before the old one has settled up to it", async () => {
    while ((await first.certifiedThrough()) + 40 < begins) await world.certify(first);
    expect(await group.settledThrough()).toBeLessThan(begins);
    await world.chain.before(begins + 1);
    const { refused, certificate } = await world.certify(second);
    expect(refused).toEqual([{ number: 1, error: "Upkeeping_NotMyCommittee" }]);
    expect((await second.read("certificateAt", certificate.ts)).te).toBe(BigInt(certificate.te));
    expect((await world.failing(group.enter(first))).error).toBe("Upkeeping_ServiceEnds");
  });

  it("pays each block once: the old committee's keepers up to it, the new one's from it on (S1)", async () => {
    const before = await group.credit(0);
    const start = await group.settledThrough();
    const { refused } = await world.certify(first);
    expect(refused).toEqual([]);
    expect(await group.settledThrough()).toBe(begins);
    expect((await group.credit(0)) - before).toBe(BigInt(begins - start) * 9_000n);
    expect((await group.read("provider", 1)).closed).toBe(true);
    const { service, next, left } = await group.read("state");
    expect([service.committee, next.committee, left]).toEqual([second.address, ZeroAddress, 0n]);
    // What the first committee's later certificates say does not concern the group.
    const { scope } = await world.certify(first);
    expect(scope).toEqual([]);

    const earned = await group.balance(first, 1, 0);
    const credit = await group.credit(0);
    await world.certify(second);
    // The certificate that could not be settled in time is remembered, and comes first.
    expect(await group.settledThrough()).toBe(begins);
    await world.settleRemembered(group, second);
    const through = await group.settledThrough();
    expect(through).toBe(await second.certifiedThrough());
    expect((await group.credit(0)) - credit).toBe(BigInt(through - begins) * 9_000n);
    expect(await group.balance(first, 1, 0)).toBe(earned);
    expect(await group.balance(second, 1, 0)).toBe((BigInt(through - begins) * 1_000n) / 4n);
    await group.checkBooks([first, 1], [second, 1]);
  });

  it("back is possible now, under a new number; the ceiling left behind can be freed", async () => {
    await group.enter(first, 8);
    const { next } = await group.read("state");
    expect([next.committee, next.number]).toEqual([first.address, 2n]);
    expect(await first.read("reserved")).toBe(16n);
    await first.send(world.payer, "reclaim", [[1]]);
    expect(await first.read("reserved")).toBe(8n);
    await world.settleThrough(group, second, Number(next.from));
    const earned = await group.balance(first, 1, 0);
    await world.settleThrough(group, first, Number(next.from) + 1);
    expect(await group.balance(first, 1, 0)).toBeGreaterThan(earned);
    await group.checkBooks([first, 1], [second, 1]);
  });
});

describe("a provider that gave notice before the payer's call to move", () => {
  it("leaves at the move's block at the latest, though slots of the old committee end later (R38)", async () => {
    const first = await world.committee({ rhythm: { slot: 30, interval: 60 } });
    const second = await world.committee({ from: 4 });
    const group = await world.group(first, { config: { lockup: 120 } });
    await group.add("notice p0", { size: 10n * gibibyte });
    await group.add("notice p1", { size: gibibyte });
    await world.certify(first);
    // In the second block of a slot of 30: lockup is four slots, and leaving waits for the end of the fifth.
    const origin = Number(await first.read("originBlock"));
    const slots = Math.floor(((await world.chain.block()) - origin) / 30) + 1;
    await world.chain.before(origin + slots * 30 + 1);
    await group.send(group.providers[1] as Wallet, "giveNotice", [1]);
    const { leavesAt } = await group.read("provider", 1);
    expect(leavesAt).toBe(BigInt(origin + (slots + 5) * 30));
    await group.enter(second);
    const begins = (await group.read("state")).next.from;
    expect(begins).toBeLessThan(leavesAt);

    expect((await group.read("provider", 1)).leavesAt).toBe(begins);
    const data = await group.read("dataOf", 1);
    expect([data.at(-1).from, data.at(-1).size]).toEqual([begins, 0n]);
    await world.settleThrough(group, first, Number(begins));
    expect((await group.read("provider", 1)).closed).toBe(true);
    const { certificate, scope } = await world.certify(second);
    expect(scope[0]?.items.map(({ provider }) => provider)).toEqual([0]);
    expect(await group.settledThrough()).toBe(certificate.te);
    await group.checkBooks([first, 1], [second, 1]);
  });
});

describe("a committee's member releases (R38)", () => {
  it("a group without a provider: lockup blocks later its place is free, and it may go elsewhere", async () => {
    const committee = await world.committee();
    const group = await world.group(committee);
    const member = committee.member(2).operator;
    const outsider = world.payer;
    expect((await world.failing(committee.send(outsider, "releaseGroup", [1]))).error).toBe(
      "Committee_NotMember",
    );
    expect(await world.failing(committee.send(member, "releaseGroup", [2]))).toEqual({
      error: "Committee_NoSuchGroup",
      args: [1n, 2n],
    });
    const { blockNumber } = await committee.send(member, "releaseGroup", [1]);
    const origin = Number(await committee.read("originBlock"));
    const left = origin + Math.ceil((blockNumber + 100 - origin) / 5) * 5;
    expect((await committee.read("membership", 1)).left).toBe(BigInt(left));
    expect((await world.failing(committee.send(member, "releaseGroup", [1]))).error).toBe(
      "Upkeeping_ServiceEnds",
    );
    await world.chain.before(left - 1);
    expect((await world.failing(committee.send(outsider, "reclaim", [[1]]))).error).toBe("Committee_NotOver");
    await world.chain.before(left + 2);
    await committee.send(outsider, "reclaim", [[1]]);
    expect(await committee.read("reserved")).toBe(0n);
    await group.enter(committee, 3);
    expect((await group.read("state")).service.number).toBe(2n);
    // The number of an earlier membership names the group, too.
    await committee.send(member, "releaseGroup", [1]);
    expect((await committee.read("membership", 2)).left).toBeGreaterThan(0n);
  });

  it("no group with a provider that is paid", async () => {
    const committee = await world.committee();
    const group = await world.group(committee);
    await group.add("release p0");
    await world.certify(committee);
    const release = committee.send(committee.member(0).operator, "releaseGroup", [1]);
    expect((await world.failing(release)).error).toBe("Upkeeping_NotReleasable");
  });

  it("a group in arrears for longer than its lockup; it is served until it leaves, and owes the rest", async () => {
    const committee = await world.committee();
    const group = await world.group(committee, { deposit: 1_100_000n });
    await group.add("release p1", { size: 10n * gibibyte });
    const member = committee.member(1).operator;
    while ((await group.read("state")).arrearsSince === 0n) await world.certify(committee);
    const since = Number((await group.read("state")).arrearsSince);
    await world.chain.before(since + 100);
    expect(await world.failing(committee.send(member, "releaseGroup", [1]))).toEqual({
      error: "Upkeeping_NotReleasable",
      args: [BigInt(since + 101), BigInt(since + 100)],
    });
    await committee.send(member, "releaseGroup", [1]);
    const left = Number((await committee.read("membership", 1)).left);
    await world.settleThrough(group, committee, left);
    expect(await group.settledThrough()).toBe(left);
    expect((await group.read("state")).service.committee).toBe(ZeroAddress);
    expect((await group.read("escrow")).providerArrears).toBeGreaterThan(0n);
    // Out of scope: nobody certifies it any more.
    expect((await world.certify(committee)).scope).toEqual([]);
    await group.checkBooks([committee, 1]);
  });
});
