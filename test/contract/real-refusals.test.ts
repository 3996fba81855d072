/** One group's trouble is no other group's: refusals, tokens that do not move, and gas (R29, R31, L3). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CertifiedGroup } from "../../protocol/certificate.ts";
import { deployContract, send } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { gibibyte } from "../support/contracts/group-contract.ts";
import { everything, ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";

let world: ServiceWorld;
beforeAll(async () => {
  world = await ServiceWorld.open();
});
afterAll(() => world.chain.close());

/** A committee with groups of one provider each, 10 GiB, settled once. */
async function served(count: number): Promise<{ committee: Committee; groups: ServedGroup[] }> {
  const committee = await world.committee();
  const groups: ServedGroup[] = [];
  for (let i = 0; i < count; i += 1) {
    const group = await world.group(committee);
    await group.add("refusal p0", { size: 10n * gibibyte });
    groups.push(group);
  }
  while ((await (groups.at(-1) as ServedGroup).credit(0)) === 0n) await world.certify(committee);
  return { committee, groups };
}

/** The first provider's credit in each group. */
const creditsOf = async (groups: readonly ServedGroup[]): Promise<bigint[]> =>
  Promise.all(groups.map(async (group) => group.credit(0)));

describe("a group that refuses what was signed", () => {
  it("stops no other group of the same certificate", async () => {
    const { committee, groups } = await served(3);
    const before = await creditsOf(groups);
    const { ts, te } = await committee.certificate([]);
    const scope = await world.scopeOf(committee, ts, te);
    // A provider that the second group does not have.
    const second = scope[1] as CertifiedGroup;
    scope[1] = { ...second, items: [...second.items, { provider: 7, spaceTime: everything }] };
    const certificate = await committee.certificate(scope, { te });
    const receipt = await committee.certify(certificate, scope);
    const refused = committee.events(receipt).filter(({ name }) => name === "GroupRefused");
    expect(refused.map(({ args }) => args.slice(0, 3))).toEqual([
      [BigInt(ts), 2n, await groups[1]?.address()],
    ]);
    expect(world.committees.errors.parseError(String(refused[0]?.args[3]))?.name).toBe(
      "Upkeeping_WrongItemCount",
    );
    const gained = (await creditsOf(groups)).map((credit, i) => credit - (before[i] as bigint));
    expect(gained).toEqual([360_000n, 0n, 360_000n]);
    // It counts as not settled: the certificate is remembered, and refuses the group again.
    expect((await committee.read("certificateAt", ts)).te).toBe(BigInt(te));
    const again = await committee.settle(certificate, scope, { first: 1, length: 1 });
    expect(committee.events(again).map(({ name }) => name)).toEqual(["GroupRefused"]);
    for (const group of groups) await group.checkBooks([committee, 1]);
  });

  it("is given up after lockup blocks, while the committee goes on with the others", async () => {
    const { committee, groups } = await served(2);
    const [first, second] = groups as [ServedGroup, ServedGroup];
    const { certificate: c } = await world.certify(committee, { first: 0, length: 1 });
    await world.chain.before((await world.chain.block()) + 101);
    await second.send(world.payer, "abandon", [c.ts]);
    const { scope, refused } = await world.certify(committee);
    expect(scope.map(({ number }) => number)).toEqual([1]);
    expect(refused).toEqual([]);
    expect(await first.settledThrough()).toBe(await committee.certifiedThrough());
  });
});

describe("a token that does not move", () => {
  it("stops neither settlements nor the withdrawals from other groups", async () => {
    const { committee, groups } = await served(1);
    const frozen = await deployContract("FalseToken", world.payer);
    const token = await frozen.getAddress();
    const other = await world.committee({ terms: { token } });
    const group = await world.group(other, { config: { token }, deposit: 0n });
    await send(frozen, world.payer, "answerTrue", [true]);
    await group.send(world.payer, "deposit", [10n ** 12n]);
    await group.add("refusal p0", { size: 10n * gibibyte });
    await send(frozen, world.payer, "answerTrue", [false]);
    while ((await group.credit(0)) === 0n) {
      expect((await world.certify(other)).refused).toEqual([]);
      await world.certify(committee);
    }

    const provider = await world.provider("refusal p0");
    const paid = (await groups[0]?.credit(0)) as bigint;
    const claims = [
      [await group.address(), 0],
      [await groups[0]?.address(), 0],
    ];
    const { factory } = world.committees;
    const receipt = await send(factory, provider, "withdrawProviders", [claims]);
    const events = world.committees.factoryEvents(receipt);
    expect(events.map(({ name, args }) => [name, args[0], args[1]])).toEqual([
      ["WithdrawalFailed", await group.address(), 0n],
    ]);
    expect(await world.balanceOf(provider.address)).toBe(paid);
    expect(await groups[0]?.credit(0)).toBe(0n);
    // It stays the provider's until the token moves again.
    const credit = await group.credit(0);
    expect(credit).toBeGreaterThan(0n);
    await send(frozen, world.payer, "answerTrue", [true]);
    await send(factory, provider, "withdrawProviders", [claims.slice(0, 1)]);
    expect(await frozen.getFunction("balanceOf")(provider.address)).toBe(credit);
  });
});

describe("gas", () => {
  it("is enough for every group handed in, or the whole call reverts: nobody makes one refuse by too little gas", async () => {
    const { committee, groups } = await served(4);
    const { ts, te } = await committee.certificate([]);
    const scope = await world.scopeOf(committee, ts, te);
    const certificate = await committee.certificate(scope, { te });
    const outcomes: { gasLimit: number; through: number; settled: number[]; events: string[] }[] = [];
    for (let gasLimit = 250_000; (outcomes.at(-1)?.through ?? ts) === ts; gasLimit += 50_000) {
      const snapshot = await world.chain.rpc("evm_snapshot");
      const receipt = await committee.certify(certificate, scope, { gasLimit }).catch(() => undefined);
      const events = receipt === undefined ? [] : committee.events(receipt).map(({ name }) => name);
      const settled = await Promise.all(groups.map(async (group) => group.settledThrough()));
      outcomes.push({ gasLimit, through: await committee.certifiedThrough(), settled, events });
      await world.chain.rpc("evm_revert", [snapshot]);
    }
    const enough = outcomes.pop();
    expect(enough).toMatchObject({ through: te, settled: [te, te, te, te], events: ["Certified"] });
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ through: ts, settled: [ts, ts, ts, ts], events: [] });
    }
    // The last group is called with its bound, which is far above what it uses.
    expect(enough?.gasLimit).toBeGreaterThan(500_000);
  });
});
