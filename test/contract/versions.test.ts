/** How the members of a committee change: proposals, completion, taking effect, keys, resignations (R5, R37). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ZeroAddress } from "ethers";
import type { Refusal } from "../support/contracts/chain.ts";
import { periodWord } from "../support/contracts/words.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import { certified, type Committee, type StandIn } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

/** The contract of EIP-2935, as its text has it. */
const historyAddress = "0x0000F90827F1C53a10cb7A02335B175320002935";
const historyCode =
  "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

let world: CommitteeWorld;
let all: Keeper[];
let committee: Committee;
let groups: StandIn[];
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  all = await world.keepers(12);
  committee = await world.committee(all.slice(0, 7));
  groups = await committee.enterStandIns(1);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
  committee.members = all.slice(0, 7);
});

const keepersAt = (...indices: number[]): Keeper[] => indices.map((index) => all[index] as Keeper);
const operatorsOf = (keepers: readonly Keeper[]): string[] => keepers.map(({ operator }) => operator.address);
const hashOf = async (block: number): Promise<string> =>
  (await world.chain.provider.getBlock(block))?.hash as string;

async function consent(version: number, ...indices: number[]): Promise<void> {
  for (const { operator } of keepersAt(...indices)) await committee.send(operator, "consent", [version]);
}

const failing = (index: number, method: string, args: unknown[] = []): Promise<Refusal> =>
  world.failing(committee.send((all[index] as Keeper).operator, method, args));

/** Keepers 0 to 6 serve; 5 and 6 are replaced by 7 and 8. */
const next = [0, 1, 2, 3, 4, 7, 8];

describe("a proposed version", () => {
  it("is complete with its new members' and q present members' consents, those that leave included (R37)", async () => {
    const version = await committee.propose(keepersAt(...next));
    expect(version).toBe(2);
    expect(await committee.read("configuration", version)).toBe(
      committee.configuration(1, operatorsOf(keepersAt(...next))),
    );
    await consent(version, 7, 8, 0, 1, 5);
    expect(await committee.read("waiting")).toEqual([0n, 0n]);
    await consent(version, 6);
    expect((await committee.read("versionInfo", version)).completedAt).toBe(0n);
    const last = committee.consentOf(all[4] as Keeper, version, 1, operatorsOf(keepersAt(...next)));
    const receipt = await committee.send(world.convener, "consentFor", [
      version,
      all[4]?.operator.address,
      last,
    ]);
    expect(committee.events(receipt)).toEqual([
      { name: "MemberConsented", args: [2n, 4n, all[4]?.operator.address] },
      { name: "VersionCompleted", args: [2n, BigInt(receipt.blockNumber)] },
    ]);
    expect(await committee.read("waiting")).toEqual([2n, 0n]);
    const info = await committee.read("versionInfo", version);
    expect([info.base, info.proposer, info.consented]).toEqual([1n, world.convener.address, 0b1110011n]);
    expect([info.completedAt, info.effectiveFrom]).toEqual([BigInt(receipt.blockNumber), 0n]);
    expect([...(await committee.read("operatorsOf", version))]).toEqual(operatorsOf(keepersAt(...next)));
  });

  it("does not become complete without a new member's consent, however many others give theirs", async () => {
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 7, 0, 1, 2, 3, 4, 5, 6);
    expect(await committee.read("waiting")).toEqual([0n, 0n]);
    const events = committee.events(await committee.send((all[8] as Keeper).operator, "consent", [version]));
    expect(events.map(({ name }) => name)).toEqual(["MemberConsented", "VersionCompleted"]);
  });

  it("takes effect with the first certificate that ends after its completion, from its te on (R5, R37)", async () => {
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 7, 8, 0, 1, 2, 3);
    const before = await committee.certificate(certified(groups), { turn: 1 });
    // Complete in the block te: the certificate that ends there comes too early for it.
    await world.chain.before(before.te);
    await consent(version, 4);
    const { receipt: early } = await committee.certifyNext(certified(groups));
    expect(committee.events(early).map(({ name }) => name)).toEqual(["Certified"]);
    const { certificate: c, receipt } = await committee.certifyNext(certified(groups));
    const seed = await hashOf(c.te - 1);
    const { keysBlob } = await committee.read("versionInfo", version);
    const args = [2n, BigInt(c.te), seed, keysBlob];
    expect(committee.events(receipt)[0]).toEqual({ name: "VersionActivated", args });
    expect(await committee.read("currentVersion")).toBe(2n);
    const info = await committee.read("versionInfo", version);
    expect([info.effectiveFrom, info.seed]).toEqual([BigInt(c.te), seed]);
    expect((await committee.read("versionInfo", 1)).retiredFrom).toBe(BigInt(c.te));

    // The old members' signatures are refused, the new members' are good.
    const old = await committee.certificate(certified(groups), { version: 1 });
    expect((await world.failing(committee.certify(old, certified(groups)))).error).toBe(
      "Committee_WrongVersion",
    );
    const theirs = await committee.certificate(certified(groups));
    expect((await world.failing(committee.certify(theirs, certified(groups)))).error).toBe(
      "Committee_BadSignature",
    );
    committee.members = keepersAt(...next);
    const { certificate: first, receipt: paid } = await committee.certifyNext(certified(groups));
    const [, actual] = committee.calledWith(paid, groups[0] as StandIn);
    const period = { number: 1, version: 2, versionFrom: c.te, certifiedThrough: first.te };
    expect(actual).toBe(periodWord({ ...period, ts: first.ts, te: first.te }));
  });

  it("is the first complete one; proposals beside it and on older members are void (R37)", async () => {
    const mine = await committee.propose(keepersAt(...next));
    const other = await committee.propose(keepersAt(0, 1, 2, 3, 4, 5, 9), (all[0] as Keeper).operator);
    await consent(other, 9, 0, 1, 2, 3);
    await consent(mine, 7, 8, 0, 1, 2, 3, 4);
    const gone = { error: "Committee_NoSuchProposal", args: [BigInt(other)] };
    expect(await failing(4, "consent", [other])).toEqual(gone);
    expect(await failing(0, "propose", [operatorsOf(keepersAt(...next))])).toEqual({
      error: "Committee_ProposalOpen",
      args: [BigInt(mine)],
    });
    await committee.certifyNext(certified(groups));
    committee.members = keepersAt(...next);
    await committee.certifyNext(certified(groups));
    expect(await committee.read("currentVersion")).toBe(BigInt(mine));
    expect(await failing(4, "consent", [other])).toEqual(gone);
    expect(await committee.propose(keepersAt(0, 1, 2, 3, 4, 7, 9), (all[0] as Keeper).operator)).toBe(4);
  });

  it("is proposed by the convener or a member, one at a time, and may be withdrawn", async () => {
    const named = operatorsOf(keepersAt(...next));
    expect(await failing(9, "propose", [named])).toEqual({
      error: "Committee_NotProposer",
      args: [all[9]?.operator.address],
    });
    const version = await committee.propose(keepersAt(...next), (all[2] as Keeper).operator);
    expect(await failing(2, "propose", [named])).toEqual({
      error: "Committee_ProposalOpen",
      args: [BigInt(version)],
    });
    expect(await failing(3, "withdrawProposal", [version])).toEqual({
      error: "Committee_NotProposer",
      args: [all[3]?.operator.address],
    });
    const receipt = await committee.send((all[2] as Keeper).operator, "withdrawProposal", [version]);
    expect(committee.events(receipt)).toEqual([{ name: "VersionVoid", args: [BigInt(version)] }]);
    const gone = { error: "Committee_NoSuchProposal", args: [BigInt(version)] };
    expect(await failing(0, "consent", [version])).toEqual(gone);
    expect(await failing(2, "withdrawProposal", [version])).toEqual(gone);
    expect(await committee.propose(keepersAt(...next), (all[2] as Keeper).operator)).toBe(version + 1);
  });

  it("has as many members as ever, registered, each once (R2)", async () => {
    const propose = (keepers: string[]): Promise<Refusal> => failing(0, "propose", [keepers]);
    const names = operatorsOf(keepersAt(...next));
    expect(await propose(names.slice(0, 4))).toEqual({ error: "Committee_OtherSize", args: [7n, 4n] });
    expect(await propose([...names.slice(0, 6), names[0] as string])).toEqual({
      error: "Committee_DuplicateMember",
      args: [names[0]],
    });
    expect((await propose([...names.slice(0, 6), ZeroAddress])).error).toBe("Committee_NotAKeeper");
  });

  it("takes the consent of each once, and of nobody else", async () => {
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 0, 5, 7);
    for (const [index, seat] of [
      [0, 0n],
      [5, 12n],
      [7, 5n],
    ] as const) {
      expect(await failing(index, "consent", [version])).toEqual({
        error: "Committee_AlreadyConsented",
        args: [seat],
      });
    }
    expect(await failing(9, "consent", [version])).toEqual({
      error: "Committee_NotMember",
      args: [all[9]?.operator.address],
    });
    for (const unknown of [1, 9]) {
      expect((await failing(0, "consent", [unknown])).error).toBe("Committee_NoSuchProposal");
    }
  });

  it("gets its seed from a block that is up to t blocks back, or waits for another turn (EIP-2935)", async () => {
    const slow = await world.committee(all.slice(0, 4), { rhythm: { interval: 1_005, turn: 1_000 } });
    const scope = certified(await slow.enterStandIns(1, { lockup: 3_005 }));
    await slow.propose(keepersAt(0, 1, 2, 5));
    for (const { operator } of keepersAt(5, 0, 1, 2)) await slow.send(operator, "consent", [2]);
    const c = await slow.certificate(scope);
    // This chain has a stub in the place of EIP-2935's contract.
    const late = await world.failing(slow.certify(c, scope, { block: c.te + 900 }));
    expect(late).toEqual({ error: "Committee_NoBlockHash", args: [BigInt(c.te - 1)] });
    const hash = await hashOf(c.te - 1);
    await world.chain.rpc("hardhat_setCode", [historyAddress, historyCode]);
    const slot = `0x${((c.te - 1) % 8_191).toString(16)}`;
    await world.chain.rpc("hardhat_setStorageAt", [historyAddress, slot, hash]);
    await slow.certify(c, scope);
    expect((await slow.read("versionInfo", 2)).seed).toBe(hash);
  });
});

describe("a committee that owes no certificate", () => {
  it("hands over at completion, with the block before as the seed (R37)", async () => {
    const idle = await world.committee(all.slice(0, 4));
    await idle.propose(keepersAt(0, 1, 2, 5));
    for (const { operator } of keepersAt(5, 0, 1)) await idle.send(operator, "consent", [2]);
    const receipt = await idle.send((all[2] as Keeper).operator, "consent", [2]);
    const block = receipt.blockNumber;
    const info = await idle.read("versionInfo", 2);
    expect(idle.events(receipt).slice(1)).toEqual([
      { name: "VersionCompleted", args: [2n, BigInt(block)] },
      { name: "VersionActivated", args: [2n, BigInt(block), await hashOf(block - 1), info.keysBlob] },
    ]);
    expect(await idle.read("currentVersion")).toBe(2n);
    idle.members = keepersAt(0, 1, 2, 5);
    const [group] = await idle.enterStandIns(1);
    const { receipt: paid } = await idle.certifyNext(certified([group as StandIn]));
    expect(idle.events(paid)).toHaveLength(1);
  });

  it("rotates a key at once, and keeps its seed (R5)", async () => {
    const idle = await world.committee(all.slice(0, 4));
    const { seed } = await idle.read("versionInfo", 1);
    const rotated = await world.rotate(all[1] as Keeper, "idle rotation");
    await idle.send(rotated.operator, "rotateSeat");
    const info = await idle.read("versionInfo", 2);
    expect([await idle.read("currentVersion"), info.seed, info.base]).toEqual([2n, seed, 1n]);
    idle.members = [all[0] as Keeper, rotated, ...all.slice(2, 4)];
    const { certificate } = await idle.certifyNext([]);
    expect(await idle.certifiedThrough()).toBe(certificate.te);
  });
});

describe("a rotated key", () => {
  it("is a version that needs no other consent and keeps the seed (R5, R37)", async () => {
    const { seed } = await committee.read("versionInfo", 1);
    const rotated = await world.rotate(all[2] as Keeper, "rotation");
    const receipt = await committee.send(rotated.operator, "rotateSeat");
    expect(committee.events(receipt)).toEqual([
      { name: "SeatRotated", args: [2n, 2n, rotated.operator.address] },
      { name: "VersionCompleted", args: [2n, BigInt(receipt.blockNumber)] },
    ]);
    expect(await committee.read("waiting")).toEqual([0n, 2n]);
    await committee.certifyNext(certified(groups));
    expect((await committee.read("versionInfo", 2)).seed).toBe(seed);
    committee.members = all.slice(0, 7).map((keeper, i) => (i === 2 ? rotated : keeper));
    await committee.certifyNext(certified(groups));
    expect(await committee.read("waiting")).toEqual([0n, 0n]);
  });

  it("joins another one that waits, so that nobody can put it off", async () => {
    const first = await world.rotate(all[1] as Keeper, "rotation a");
    await committee.send(first.operator, "rotateSeat");
    const c = await committee.certificate(certified(groups), { turn: 1 });
    const second = await world.rotate(all[2] as Keeper, "rotation b");
    await world.chain.before(c.te);
    const receipt = await committee.send(second.operator, "rotateSeat");
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["SeatRotated"]);
    await committee.certifyNext(certified(groups));
    expect(await committee.read("currentVersion")).toBe(2n);
    committee.members = [all[0] as Keeper, first, second, ...all.slice(3, 7)];
    await committee.certifyNext(certified(groups));
  });

  it("is carried over into a proposal, before and after its completion (R37)", async () => {
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 7, 8, 0, 1, 2, 3);
    const before = await world.rotate(all[1] as Keeper, "carried 1");
    await committee.send(before.operator, "rotateSeat");
    // The rotation takes effect meanwhile; the proposal on the same members stays open.
    await committee.certifyNext(certified(groups));
    expect(await committee.read("currentVersion")).toBe(3n);
    await consent(version, 4);
    const after = await world.rotate(all[3] as Keeper, "carried 3");
    await committee.send(after.operator, "rotateSeat");
    const fresh = await world.rotate(all[7] as Keeper, "carried 7");
    await committee.send(fresh.operator, "rotateSeat");
    committee.members = [all[0] as Keeper, before, ...all.slice(2, 7)];
    const { receipt } = await committee.certifyNext(certified(groups));
    const expected = ["VersionVoid", "VersionActivated", "Certified"];
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(expected);
    expect(await committee.read("currentVersion")).toBe(BigInt(version));
    committee.members = [all[0], before, all[2], after, all[4], fresh, all[8]] as Keeper[];
    await committee.certifyNext(certified(groups));
  });

  it("must differ from the seat's, and be a member's", async () => {
    expect(await failing(0, "rotateSeat")).toEqual({ error: "Committee_SameKey", args: [] });
    expect(await failing(9, "rotateSeat")).toEqual({
      error: "Committee_NotMember",
      args: [all[9]?.operator.address],
    });
    expect((await world.failing(committee.send(world.convener, "rotateSeat"))).error).toBe(
      "Committee_NotAKeeper",
    );
  });
});

describe("a member that resigns", () => {
  it("keeps a seat without duties until a handover (R37)", async () => {
    const receipt = await committee.send((all[6] as Keeper).operator, "resign");
    expect(committee.events(receipt)).toEqual([
      { name: "MemberResigned", args: [1n, 6n, all[6]?.operator.address] },
    ]);
    expect(await committee.read("resigned")).toBe(0b1000000n);
    const nothing = { error: "Committee_NothingToResign", args: [all[6]?.operator.address] };
    expect(await failing(6, "resign")).toEqual(nothing);
    expect((await failing(9, "resign")).error).toBe("Committee_NothingToResign");
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 7, 8, 0, 1, 2, 3, 4);
    await committee.certifyNext(certified(groups));
    expect([await committee.read("currentVersion"), await committee.read("resigned")]).toEqual([2n, 0n]);
  });

  it("is not drawn in again by others: a version that names it needs its consent (R37)", async () => {
    const version = await committee.propose(keepersAt(7, 8, 0, 1, 2, 3, 4));
    await committee.send((all[4] as Keeper).operator, "resign");
    await consent(version, 7, 8, 0, 1, 2, 3, 5, 6);
    expect(await committee.read("waiting")).toEqual([0n, 0n]);
    await consent(version, 4);
    expect(await committee.read("waiting")).toEqual([BigInt(version), 0n]);
    await committee.certifyNext(certified(groups));
    expect([await committee.read("currentVersion"), await committee.read("resigned")]).toEqual([2n, 0n]);
  });

  it("resigns from a complete version as well", async () => {
    const version = await committee.propose(keepersAt(...next));
    await consent(version, 7, 8, 0, 1, 2, 3, 4);
    await committee.send((all[7] as Keeper).operator, "resign");
    const receipt = await committee.send((all[0] as Keeper).operator, "resign");
    expect(committee.events(receipt).map(({ args }) => args.slice(0, 2))).toEqual([
      [1n, 0n],
      [2n, 0n],
    ]);
    expect(await committee.read("resigned")).toBe(1n);
    await committee.certifyNext(certified(groups));
    expect(await committee.read("resigned")).toBe(0b100001n);
  });
});
