/** How a committee comes into being: parameters, consents, address, seed (R2, R4, R5, R36, R37). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Contract, dataSlice, encodeBytes32String, getAddress, Wallet } from "ethers";
import { deployContract, send, type Refusal } from "../support/contracts/chain.ts";
import { peerId, prove, publicKey, secretOf } from "../support/contracts/keys.ts";
import { range, type Keeper } from "../support/contracts/basics.ts";
import { brokenBound } from "../../protocol/group-bounds.ts";
import type { Committee, Terms } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld, rhythm } from "../support/contracts/committee-world.ts";
import type { Rhythm } from "../support/contracts/committee.ts";

let world: CommitteeWorld;
let four: Keeper[];
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  four = (await world.keepers(7)).slice(0, 4);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

const operatorsOf = (keepers: readonly Keeper[]): string[] => keepers.map(({ operator }) => operator.address);
const hashOf = async (block: number): Promise<string> =>
  (await world.chain.provider.getBlock(block))?.hash as string;

async function create(
  change: { rhythm?: Partial<Rhythm>; terms?: Partial<Terms>; operators?: string[] } = {},
): Promise<Refusal> {
  const operators = change.operators ?? operatorsOf(four);
  const consents = operators.map(() => ({ deadline: 0, signature: "0x" }));
  const args = [{ ...rhythm, ...change.rhythm }, await world.terms(change.terms), operators, consents];
  return world.failing(send(world.factory, world.convener, "createCommittee", args));
}

describe("a committee of four that consent by signature", () => {
  it("exists from the block in which it is made, its origin, with that block's parent as its seed (R5, R37)", async () => {
    const committee = await world.committee(four);
    const origin = committee.created?.blockNumber as number;
    const seed = await hashOf(origin - 1);
    const events = committee.events(committee.created as NonNullable<Committee["created"]>);
    expect(events.map(({ name }) => name)).toEqual([...range(4).map(() => "MemberConsented"), "Formed"]);
    expect(events.at(-1)?.args).toEqual([BigInt(origin), seed]);
    expect(await committee.read("originBlock")).toBe(BigInt(origin));
    expect(await committee.certifiedThrough()).toBe(origin);
    const info = await committee.read("versionInfo", 1);
    expect([info.version, info.base, info.proposer]).toEqual([1n, 0n, world.convener.address]);
    expect([info.completedAt, info.effectiveFrom, info.retiredFrom]).toEqual([
      BigInt(origin),
      BigInt(origin),
      0n,
    ]);
    expect([info.seed, info.consented]).toEqual([seed, 15n]);
    expect(info.keysBlob).toBe(getAddress(committee.address));
    expect([...(await committee.read("operatorsOf", 1))]).toEqual(operatorsOf(four));
    expect([await committee.read("currentVersion"), await committee.read("lastVersion")]).toEqual([1n, 1n]);
  });

  it("has its parameters and terms in its code (R4, R38)", async () => {
    const change = { leastKeeperFee: 7n, mostProviders: 12, open: true };
    const committee = await world.committee(four, { terms: change });
    expect((await committee.read("rhythm")).toObject()).toEqual(
      Object.fromEntries(Object.entries(rhythm).map(([name, value]) => [name, BigInt(value)])),
    );
    const terms = await world.terms(change);
    expect((await committee.read("terms")).toObject()).toEqual({
      ...terms,
      leastKeeperShareBps: 1000n,
      mostProviders: 12n,
    });
    expect(await committee.read("convener")).toBe(world.convener.address);
    expect(await committee.read("size")).toBe(4n);
    expect(await committee.read("factory")).toBe(await world.factory.getAddress());
    expect(await committee.read("configuration", 1)).toBe(committee.configuration(0, operatorsOf(four)));
  });

  it("lies at the predicted address, which follows from convener, parameters, members and their keys (R36)", async () => {
    const predict = async (convener: string, keepers: readonly Keeper[], change = {}): Promise<string> => {
      const args = [convener, { ...rhythm, ...change }, await world.terms(), operatorsOf(keepers)];
      return world.factory.getFunction("predictCommittee")(...args);
    };
    const { address } = world.convener;
    const expected = await predict(address, four);
    const others = [
      await predict(four[0]?.operator.address as string, four),
      await predict(address, [...four].reverse()),
      await predict(address, four, { toleranceBps: 99 }),
    ];
    expect(new Set([expected, ...others]).size).toBe(4);
    const inner = await world.chain.rpc("evm_snapshot");
    await world.rotate(four[0] as Keeper, "another key");
    expect(await predict(address, four)).not.toBe(expected);
    await world.chain.rpc("evm_revert", [inner]);
    const committee = await world.committee(four);
    expect(committee.address).toBe(expected);
    expect(await predict(address, four)).not.toBe(expected);
    expect(await world.factory.getFunction("committeeCount")(address)).toBe(1n);
    expect(await world.factory.getFunction("isCommittee")(expected)).toBe(true);
    expect(await world.factory.getFunction("isCommittee")(world.token)).toBe(false);
    expect(await world.factory.getFunction("isCommittee")(address)).toBe(false);
  });
});

describe("consents", () => {
  const consenting = [1, 3];
  let committee: Committee;
  beforeEach(async () => {
    committee = await world.committee(four, { consenting });
  });

  it("may come by transaction and by signature, in any order; the last one forms the committee", async () => {
    expect(await committee.read("originBlock")).toBe(0n);
    expect((await committee.read("versionInfo", 1)).consented).toBe(0b1010n);
    await committee.send(committee.member(2).operator, "consent", [1]);
    const last = committee.consentOf(committee.member(0), 1, 0, operatorsOf(four));
    const receipt = await committee.send(world.convener, "consentFor", [
      1,
      committee.member(0).operator.address,
      last,
    ]);
    expect(committee.events(receipt).map(({ name }) => name)).toEqual(["MemberConsented", "Formed"]);
    expect(await committee.read("originBlock")).toBe(BigInt(receipt.blockNumber));
    expect((await committee.read("versionInfo", 1)).seed).toBe(await hashOf(receipt.blockNumber - 1));
  });

  it("are needed from all before anything else happens", async () => {
    const missing = { error: "Committee_NotFormed", args: [4n, 2n] };
    const group = await deployContract("GroupStandIn", world.convener);
    await send(world.factory, world.convener, "recognise", [group]);
    const terms = committee.groupTerms();
    const enter = send(group, world.convener, "enter", [committee.contract, terms, 1, 0]);
    expect(await world.failing(enter)).toEqual(missing);
    const c = await committee.certificate([], { turn: 1, ts: 0, te: 40 });
    expect(await world.failing(committee.certify(c, []))).toEqual(missing);
    const first = committee.member(1).operator;
    expect(await world.failing(committee.send(first, "propose", [operatorsOf(four)]))).toEqual(missing);
    expect(await world.failing(committee.send(first, "rotateSeat"))).toEqual(missing);
    expect(await world.failing(committee.send(first, "resign"))).toEqual(missing);
  });

  it("are refused from anybody else, twice, too late, or for something else", async () => {
    const failing = (from: Wallet, method: string, args: unknown[]): Promise<Refusal> =>
      world.failing(committee.send(from, method, args));
    const { operator } = committee.member(1);
    expect(await failing(world.convener, "consent", [1])).toEqual({
      error: "Committee_NotMember",
      args: [world.convener.address],
    });
    expect(await failing(operator, "consent", [1])).toEqual({
      error: "Committee_AlreadyConsented",
      args: [1n],
    });
    expect(await failing(operator, "consent", [2])).toEqual({
      error: "Committee_NoSuchProposal",
      args: [2n],
    });
    expect(await failing(operator, "consent", [0])).toEqual({
      error: "Committee_NoSuchProposal",
      args: [0n],
    });

    const names = operatorsOf(four);
    const wrong = async (index: number, consent: unknown): Promise<Refusal> =>
      failing(world.convener, "consentFor", [1, names[index], consent]);
    const bad = { error: "Committee_BadConsent", args: [names[0]] };
    expect(await wrong(0, committee.consentOf(committee.member(1), 1, 0, names))).toEqual(bad);
    expect(await wrong(0, committee.consentOf(committee.member(0), 2, 0, names))).toEqual(bad);
    expect(await wrong(0, committee.consentOf(committee.member(0), 1, 0, [...names].reverse()))).toEqual(bad);
    const signed = committee.consentOf(committee.member(0), 1, 0, names);
    expect(await wrong(0, { ...signed, deadline: signed.deadline + 1 })).toEqual(bad);
    expect(await wrong(0, { ...signed, signature: "0x12" })).toEqual(bad);
    const outsider = (await world.keepers(5))[4] as Keeper;
    const { address } = outsider.operator;
    const own = committee.consentOf(outsider, 1, 0, names);
    expect(await failing(world.convener, "consentFor", [1, address, own])).toEqual({
      error: "Committee_NotMember",
      args: [address],
    });
    const block = await world.chain.block();
    const late = committee.consentOf(committee.member(0), 1, 0, names, block);
    expect(await wrong(0, late)).toEqual({
      error: "Committee_ConsentExpired",
      args: [BigInt(block), BigInt(block + 1)],
    });
    const now = await world.chain.block();
    const justInTime = committee.consentOf(committee.member(0), 1, 0, names, now + 1);
    await committee.send(world.convener, "consentFor", [1, names[0], justInTime]);
  });

  it("of another committee with the same members do not count", async () => {
    const other = await world.committee(four, { consenting: [] });
    const foreign = other.consentOf(four[0] as Keeper, 1, 0, operatorsOf(four));
    const call = committee.send(world.convener, "consentFor", [1, four[0]?.operator.address, foreign]);
    expect((await world.failing(call)).error).toBe("Committee_BadConsent");
  });

  it("of a contract are its ERC-1271 signatures", async () => {
    const owner = await world.chain.account("wallet owner");
    const wallet = await deployContract("ContractWallet", owner);
    const address = await wallet.getAddress();
    const secret = secretOf("wallet key");
    const proof = prove(secret, world.chain.chainId, await world.registry.getAddress(), address);
    const register = world.registry.interface.encodeFunctionData("registerKeeper", [
      publicKey(secret),
      proof,
      owner.address,
      peerId("wallet"),
      ["/ip4/127.0.0.1/tcp/1"],
    ]);
    await send(wallet, owner, "run", [await world.registry.getAddress(), register]);
    // The wallet's owner signs; its address is what the committee knows.
    const signedBy = ({ signingKey }: Wallet): Keeper => ({
      secret,
      operator: { address, signingKey } as Wallet,
    });
    const formed = await world.committee([signedBy(owner), ...four.slice(1)]);
    expect(await formed.read("operatorOf", 1, 0)).toBe(address);
    expect(await formed.certifiedThrough()).toBe(formed.created?.blockNumber);
    const forged = [signedBy(world.convener), ...four.slice(1)];
    expect((await world.failing(world.committee(forged))).error).toBe("Committee_BadConsent");
  });

  it("are handed over by the factory alone, one for each member", async () => {
    const call = committee.send(world.convener, "initialize", [committee.contract, []]);
    expect(await world.failing(call)).toEqual({
      error: "Committee_NotFactory",
      args: [await world.factory.getAddress(), world.convener.address],
    });
    const args = [rhythm, await world.terms(), operatorsOf(four), []];
    expect(await world.failing(send(world.factory, world.convener, "createCommittee", args))).toEqual({
      error: "Committee_OtherSize",
      args: [4n, 0n],
    });
  });
});

describe("members", () => {
  it.each([
    [0, 4],
    [3, 4],
    [5, 4],
    [6, 4],
    [9, 7],
    [127, 124],
  ])("are 3f+1, not %i (R2)", async (count, nearest) => {
    const operators = range(count).map((i) => four[i % 4]?.operator.address as string);
    const refusal = await create({ operators });
    expect(refusal).toEqual({ error: "Committee_BadSize", args: [BigInt(nearest), BigInt(count)] });
  });

  it("are registered keepers, each named once (R3)", async () => {
    const [a, b, c] = operatorsOf(four) as [string, string, string];
    expect(await create({ operators: [a, b, c, world.convener.address] })).toEqual({
      error: "Committee_NotAKeeper",
      args: [world.convener.address],
    });
    expect(await create({ operators: [a, b, c, a] })).toEqual({
      error: "Committee_DuplicateMember",
      args: [a],
    });
  });

  it("may be 124: their keys lie in a blob (R2, R36)", async () => {
    const all = await world.keepers(124);
    const committee = await world.committee(all, { consenting: [], rhythm: { interval: 40 } });
    for (const { operator } of all) await committee.send(operator, "consent", [1]);
    const info = await committee.read("versionInfo", 1);
    expect(info.keysBlob).not.toBe(getAddress(committee.address));
    expect(dataSlice(await world.chain.provider.getCode(info.keysBlob), 0, 1)).toBe("0x00");
    expect(await committee.read("operatorOf", 1, 123)).toBe(all[123]?.operator.address);
    const { certificate } = await committee.certifyNext([], { signers: range(83, 20) });
    expect(await committee.certifiedThrough()).toBe(certificate.te);
  });

  it("are told which seats and versions exist", async () => {
    const committee = await world.committee(four);
    const failing = (name: string, ...args: unknown[]): Promise<Refusal> =>
      world.failing(committee.read(name, ...args));
    expect(await failing("operatorOf", 1, 4)).toEqual({ error: "Committee_NoSuchMember", args: [4n, 4n] });
    const none = { error: "Committee_NoSuchVersion", args: [1n, 2n] };
    expect(await failing("operatorOf", 2, 0)).toEqual(none);
    expect(await failing("versionInfo", 2)).toEqual(none);
    expect(await failing("operatorsOf", 2)).toEqual(none);
    expect(await failing("configuration", 2)).toEqual(none);
    expect(await failing("versionInfo", 0)).toEqual({ ...none, args: [1n, 0n] });
  });
});

describe("parameters (R4)", () => {
  const bad = (rule: string, expected: number, actual: number): Refusal => ({
    error: "UpkeepingFactory_BadConfig",
    args: [encodeBytes32String(rule), BigInt(expected), BigInt(actual)],
  });

  it.each<[Partial<Rhythm>, string, number, number]>([
    [{ slot: 0 }, "slot at least 1", 1, 0],
    [{ turn: 0 }, "turn at least 1", 1, 0],
    [{ turn: 32 }, "slot divides turn", 0, 2],
    [{ interval: 43 }, "slot divides interval", 0, 3],
    [{ answer: 3 }, "slot > confirmations+answer+1", 6, 5],
    [{ interval: 30 }, "interval >= turn+confirmations", 31, 30],
    [{ turn: 8_005, interval: 8_010 }, "turn <= 8000", 8_000, 8_005],
    [{ turn: 25 }, "2/3 turn >= time for its round", 20, 17],
    [{ toleranceBps: 10_001 }, "tolerance <= 10000", 10_000, 10_001],
  ])("refuse %j", async (change, rule, expected, actual) => {
    expect(await create({ rhythm: change })).toEqual(bad(rule, expected, actual));
    // The same bound is found before anything is sent.
    const params = { ...rhythm, ...change, lockup: 100_000, keeperShareBps: 1_000 };
    expect(brokenBound(params, 4)).toEqual({ rule, expected: BigInt(expected), actual: BigInt(actual) });
  });

  it("admit the longest turn", async () => {
    const committee = await world.committee(four, { rhythm: { turn: 8_000, interval: 8_005 } });
    expect((await committee.read("rhythm")).turn).toBe(8_000n);
  });

  it("refuse terms that cannot be met", async () => {
    expect(await create({ terms: { leastKeeperShareBps: 10_001 } })).toEqual(
      bad("least keeper share <= 10000", 10_000, 10_001),
    );
    expect(await create({ terms: { mostProviders: 0 } })).toEqual(bad("most providers at least 1", 1, 0));
    expect(await create({ terms: { open: true } })).toEqual(bad("open committee has a fee", 1, 0));
    const token = Wallet.createRandom().address;
    expect(await create({ terms: { token } })).toEqual({
      error: "UpkeepingFactory_TokenWithoutCode",
      args: [token],
    });
  });
});

describe("the factory's blobs", () => {
  it("hold as many keys as operators (R36)", async () => {
    const call = send(world.factory, world.convener, "storeKeys", ["0x12", operatorsOf(four)]);
    expect(await world.failing(call)).toEqual({ error: "UpkeepingFactory_BadLength", args: [768n, 1n] });
  });

  it("are served by implementations and a registry that exist", async () => {
    const { address } = world.convener;
    const registry = await world.registry.getAddress();
    const deploy = (code: string, at: string): Promise<Contract> =>
      deployContract("CommitteeFactoryStandIn", world.convener, [code, at]);
    expect(await world.failing(deploy(address, registry))).toEqual({
      error: "UpkeepingFactory_NoCode",
      args: [address],
    });
    expect((await world.failing(deploy(registry, address))).error).toBe("UpkeepingFactory_NoCode");
  });
});
