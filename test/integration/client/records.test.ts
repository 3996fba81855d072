/** Records of keepers and providers, counted from a real chain. */
import { ContractFactory } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { committeeAbi, groupAbi } from "../../../client/abi.ts";
import { committeesOf, groupsOf, madeBy, type FactoryAt } from "../../../client/committees.ts";
import { keeperRecords, providerRecords } from "../../../client/records.ts";
import { byKeeperRecord, byProviderRecord } from "../../../cli/discover/index.ts";
import type { Committee } from "../../support/contracts/committee-contract.ts";
import { ClientWorld, gibibyte, type Served } from "../../support/contracts/client-world.ts";

let world: ClientWorld;
let committee: Committee;
let group: Served;
let at: FactoryAt & { lens: string };
const lastCertificate = { block: 0 };

beforeAll(async () => {
  world = await ClientWorld.open();
  const keepers = await world.world.keepers(5);
  committee = await world.form(keepers.slice(0, 4));
  group = await world.group(committee);
  for (const label of ["whole", "half"]) await world.add(group.at, label);
  await world.operator("idle");
  at = { registry: await world.world.registry.getAddress(), factory: world.factory, lens: world.lens };
  await world.certify(committee, [group]);
  const interval = BigInt(committee.rhythm.interval);
  // Keeper 3 does not sign; provider 1 proves half of its GiB.
  const { blockNumber } = await world.certify(committee, [group], {
    signers: [0, 1, 2],
    proven: { 1: (gibibyte * interval) / 2n },
  });
  lastCertificate.block = blockNumber;
});
afterAll(() => world.chain.close());

/** A contract of anybody's that emits an event's topic with data of its own, while it is created. */
async function strayEvent(topic: string): Promise<void> {
  const code = `0x7f${topic.slice(2)}60006000a100`;
  const made = await new ContractFactory([], code, world.payer).deploy();
  await made.waitForDeployment();
}

describe("what a factory made", () => {
  it("is found from the first registration on", async () => {
    const made = await madeBy(world.provider, at);
    expect(made.committees).toMatchObject([{ address: committee.address, convener: world.payer.address }]);
    expect(made.groups).toMatchObject([{ address: group.at.address, payer: world.payer.address }]);
    expect(made.keepers).toHaveLength(5);
    expect(made.providers).toHaveLength(3);
    expect(made.from).toBe(Math.min(...made.keepers.map(({ registeredAt }) => registeredAt)));
  });
});

describe("committees and groups by name", () => {
  it("are found newest first, of a payer its own, in one request that begins with the first registration", async () => {
    const asked: { fromBlock: number; toBlock: number }[] = [];
    const counting = new Proxy(world.provider, {
      get(provider, name) {
        const value = Reflect.get(provider, name, provider) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (name === "getLogs") asked.push(args[0] as (typeof asked)[number]);
          return Reflect.apply(value, provider, args) as unknown;
        };
      },
    });
    const { from } = await madeBy(world.provider, at);
    expect(await committeesOf(counting, at)).toEqual([committee.address]);
    expect(await groupsOf(counting, at, world.payer.address)).toEqual([group.at.address]);
    expect(await groupsOf(counting, at, committee.address)).toEqual([]);
    expect(from).toBeGreaterThan(0);
    expect(asked.map(({ fromBlock }) => fromBlock)).toEqual([from, from, from]);
  });
});

describe("the record of a provider", () => {
  it("has its bytes, the part that it proved of the last interval, and its last payment", async () => {
    const [whole, half, idle] = await providerRecords(world.provider, at);
    expect(whole).toMatchObject({
      groups: 1,
      bytes: gibibyte,
      settledBytes: gibibyte,
      provenBytes: gibibyte,
      settlements: 2,
      lastSeen: lastCertificate.block,
    });
    expect(half).toMatchObject({ groups: 1, bytes: gibibyte, provenBytes: gibibyte / 2n, settlements: 2 });
    expect(idle).toMatchObject({ groups: 0, bytes: 0n, settledBytes: 0n, settlements: 0 });
    expect(idle?.lastSeen).toBeUndefined();
    const sorted = [idle, half, whole].flatMap((one) => one ?? []).sort(byProviderRecord);
    expect(sorted.map(({ operator }) => operator)).toEqual([whole?.operator, half?.operator, idle?.operator]);
  });

  it("is not changed by a stranger's contract that emits the same topics, with the right data or with none", async () => {
    const before = [await providerRecords(world.provider, at), await keeperRecords(world.provider, at)];
    for (const [abi, name] of [
      [groupAbi, "Settled"],
      [committeeAbi, "Certified"],
    ] as const) {
      await strayEvent((abi.getEvent(name) as { topicHash: string }).topicHash);
    }
    expect([await providerRecords(world.provider, at), await keeperRecords(world.provider, at)]).toEqual(
      before,
    );
  });
});

describe("the record of a keeper", () => {
  it("has its committees, the turns that it led, and the certificates that it signed", async () => {
    const records = await keeperRecords(world.provider, at);
    expect(records.map(({ committees }) => committees)).toEqual([1, 1, 1, 1, 0]);
    expect(records[0]).toMatchObject({
      turnsLed: 2,
      turnsFailed: 0,
      certificates: 2,
      signed: 2,
      lastSeen: lastCertificate.block,
    });
    expect(records[3]).toMatchObject({ turnsLed: 0, certificates: 2, signed: 1 });
    expect(records[3]?.lastSeen).toBeLessThan(lastCertificate.block);
    expect(records[4]).toMatchObject({ certificates: 0, signed: 0 });
    const sorted = records.toSorted(byKeeperRecord);
    expect(sorted[0]?.operator).toBe(records[0]?.operator);
    expect(sorted.at(-1)?.operator).toBe(records[4]?.operator);
  });

  it("counts a turn that it let lapse", async () => {
    const turn2 = (await committee.certifiedThrough()) + committee.rhythm.interval + committee.rhythm.turn;
    await world.chain.before(turn2);
    await world.certify(committee, [group]);
    const records = await keeperRecords(world.provider, at);
    expect(records.map(({ turnsFailed }) => turnsFailed)).toEqual([0, 1, 0, 0, 0]);
    expect(records[0]).toMatchObject({ turnsLed: 3, certificates: 3 });
  });
});
