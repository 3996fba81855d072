/** Refusals and rare states of groups with real committees (R31–R33, R35, R38). */
import { ZeroAddress, ZeroHash, type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract, send, type Refusal } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { lockup, ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";

let world: ServiceWorld;
let committee: Committee;
let group: ServedGroup;
beforeAll(async () => {
  world = await ServiceWorld.open();
  committee = await world.committee();
  group = await world.group(committee, { deposit: 10n ** 12n });
  await group.add("corner p0", { size: 10n * gibibyte });
  await world.certify(committee);
});
afterAll(() => world.chain.close());

const refused = async (method: string, ...args: unknown[]): Promise<Refusal> =>
  world.failing(group.send(world.payer, method, args));

describe("the factory refuses", () => {
  it.each([
    [
      "a token without code",
      { token: "0x00000000000000000000000000000000000000aa" },
      "UpkeepingFactory_TokenWithoutCode",
    ],
    ["a lockup of 0", { lockup: 0 }, "UpkeepingFactory_BadConfig"],
    ["a keepers' share above the whole", { keeperShareBps: 10_001 }, "UpkeepingFactory_BadConfig"],
  ])("a group with %s", async (_, change, error) => {
    const args = [await world.config(change), committee.address, 0];
    expect(
      (await world.failing(send(world.committees.factory, world.payer, "createGroup", args))).error,
    ).toBe(error);
  });

  it("a withdrawal from an address without code", async () => {
    const claims = [["0x00000000000000000000000000000000000000aa", 0]];
    const call = send(world.committees.factory, world.payer, "withdrawProviders", [claims]);
    expect((await world.failing(call)).error).toBe("UpkeepingFactory_NotAGroup");
  });
});

describe("a group refuses", () => {
  it("to move nothing, more than it has, or money to nobody", async () => {
    const to = world.payer.address;
    const nothing = { error: "Upkeeping_NothingToMove", args: [] };
    expect(await refused("withdrawPayer", 0, to)).toEqual(nothing);
    expect(await refused("deposit", 0)).toEqual(nothing);
    expect(await refused("collectArrears", 0)).toEqual(nothing);
    expect(await refused("collectKeeperArrears", committee.address, 1)).toEqual(nothing);
    expect((await refused("withdrawPayer", 1, ZeroAddress)).error).toBe("Upkeeping_ZeroAddress");
    expect((await refused("namePayer", ZeroAddress)).error).toBe("Upkeeping_ZeroAddress");
    expect((await refused("rescue", committee.address, ZeroAddress, 1)).error).toBe("Upkeeping_ZeroAddress");
    const available = await group.available();
    const { error, args } = await refused("withdrawPayer", available + 1n, to);
    expect([error, args[1]]).toEqual(["Upkeeping_Underfunded", available]);
  });

  it("what names a provider that there is not", async () => {
    for (const [method, from] of [
      ["withdrawProvider", world.payer],
      ["removeProvider", world.payer],
    ] as const) {
      expect((await world.failing(group.send(from, method, [7]))).error).toBe("Upkeeping_NoSuchProvider");
    }
    expect((await world.failing(group.read("provider", 7))).error).toBe("Upkeeping_NoSuchProvider");
  });

  it("a second notice, and one to a provider that has left", async () => {
    await group.add("corner p1", { size: gibibyte });
    const provider = group.providers[1] as Wallet;
    await world.settleThrough(group, committee, (await group.activeFrom(1)) + 1);
    await group.send(provider, "giveNotice", [1]);
    expect((await world.failing(group.send(provider, "giveNotice", [1]))).error).toBe(
      "Upkeeping_NoticeGiven",
    );
    await group.send(world.payer, "removeProvider", [1]);
    await world.settleThrough(group, committee, Number((await group.read("provider", 1)).leavesAt));
    expect((await refused("removeProvider", 1)).error).toBe("Upkeeping_ProviderLeaves");
  });

  it("a higher ceiling without a committee", async () => {
    const alone = await world.group(committee, { ceiling: 0 });
    const call = alone.send(world.payer, "raiseCeiling", [9]);
    expect((await world.failing(call)).error).toBe("Upkeeping_NoCommittee");
  });

  it("to pay arrears after its end if there are none", async () => {
    const ended = await world.group(committee);
    await ended.send(world.payer, "terminate");
    await world.chain.before(Number((await ended.read("state")).endBlock) + 1);
    expect((await world.failing(ended.send(world.payer, "collectAllArrears"))).error).toBe(
      "Upkeeping_NothingToMove",
    );
  });
});

describe("a deposit with a permit", () => {
  it("goes on with the allowance that there is, if the permit is of no use", async () => {
    await send(world.token, world.payer, "approve", [await group.address(), 5n]);
    const available = await group.available();
    await group.send(world.payer, "depositWithPermit", [5n, 0, 27, ZeroHash, ZeroHash]);
    expect((await group.available()) - available).toBe(5n);
  });
});

describe("views", () => {
  it("name the factory and the digest that a provider signs", async () => {
    expect(await group.read("factory")).toBe(await world.committees.factory.getAddress());
    const terms = await group.terms(world.payer.address);
    const digest = await group.read("consentDigest", committee.address, terms);
    const signature = await group.consent(world.payer, terms, committee.address);
    expect(world.payer.signingKey.sign(digest).serialized).toBe(signature);
  });
});

describe("the fee that R32 reserves", () => {
  it("is that of the larger ceiling in a move, and ends with the group after a terminate", async () => {
    const fee = 65_536n;
    const payers = await world.group(committee, { config: { keeperFee: fee }, deposit: 10n ** 9n });
    const required = async (): Promise<bigint> => (await payers.read("escrow")).required;
    const next = await world.committee({ from: 4 });
    await payers.enter(next, 20);
    const settled = await payers.settledThrough();
    const ahead = BigInt(Math.max(0, (await world.chain.block()) - settled) + lockup);
    expect(await required()).toBe(20n * ahead);
    // Late enough for the move to stand.
    await world.chain.before((await world.chain.block()) + 10);
    await payers.send(world.payer, "terminate");
    const { endBlock } = await payers.read("state");
    const from = BigInt(Math.min(await world.chain.block(), await payers.settledThrough()));
    expect(await required()).toBe(20n * (endBlock - from));
  });
});

describe("an interval in which nobody had data yet", () => {
  it("needs no certificate: the group settles the next one", async () => {
    const second = await world.committee();
    const late = await world.group(second);
    await world.certify(second);
    await world.provider("corner p2");
    const end = (await second.certifiedThrough()) + 40;
    await world.chain.before(end - 1);
    await late.add("corner p2", { size: 10n * gibibyte });
    expect((await world.certify(second)).scope).toEqual([]);
    const { certificate, refused: none } = await world.certify(second);
    expect([none, await late.settledThrough()]).toEqual([[], certificate.te]);
    const blocks = BigInt(certificate.te - (await late.activeFrom(0)));
    expect(await late.credit(0)).toBe(blocks * 9_000n);
    await late.checkBooks([second, 1]);
  });
});

describe("an abandon", () => {
  it("closes a provider whose notice ran out, and credits it up to then", async () => {
    const second = await world.committee();
    const both = await world.group(second);
    await both.add("corner p3", { size: gibibyte });
    await both.add("corner p4", { size: gibibyte });
    await world.certify(second);
    const start = await both.settledThrough();
    await both.send(both.providers[1] as Wallet, "giveNotice", [1]);
    const leaves = Number((await both.read("provider", 1)).leavesAt);
    const credit = await both.credit(1);
    await world.chain.before(Math.max(leaves, start + 40 + lockup) + 10);
    await both.send(world.payer, "abandon", [0]);
    expect((await both.read("provider", 1)).closed).toBe(true);
    expect((await both.credit(1)) - credit).toBe(BigInt(leaves - start) * 1_000n);
    // The closed one keeps its seat until the next addition, and is passed over.
    await world.chain.before((await both.settledThrough()) + lockup + 1);
    await both.send(world.payer, "abandon", [0]);
    expect((await both.credit(1)) - credit).toBe(BigInt(leaves - start) * 1_000n);
    await both.checkBooks([second, 1]);
  });
});

describe("the lens", () => {
  it("says that an escrow with arrears beyond it pays for nothing ahead", async () => {
    const second = await world.committee();
    const poor = await world.group(second, { deposit: 1_100_000n });
    await poor.add("corner p5", { size: 10n * gibibyte });
    for (let i = 0; i < 4; i += 1) await world.certify(second);
    const lens = await deployContract("Lens", world.payer, [await world.committees.registry.getAddress()]);
    const through = await lens.getFunction("fundedUntil")(await poor.address());
    expect(through).toBe(BigInt(await poor.settledThrough()));
  });
});
