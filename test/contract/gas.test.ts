/** Measures what groups cost, prints the table, and compares it with docs/figures/gas-groups.md and the targets. */
import { type Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/contracts/chain.ts";
import { settleMany } from "../support/contracts/batch.ts";
import { differences, ecdsaReference, type Row } from "../support/contracts/gas-report.ts";
import { gibibyte, GroupWorld, type Committee, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
const gas = new Map<string, number>();
const count = 32;
/** 2f+1 ECDSA signatures for one group of four members, in the same run. */
let reference = 0;

/** A committee with groups of `providers` each, which have settled twice, so that their slots exist. */
async function settledGroups(groups: number, providers = 1): Promise<Batch> {
  // So long that all groups begin in the first interval.
  const committee = await world.committee({ interval: 1_000 });
  const batch = { committee, groups: [] as Group[] };
  for (let i = 0; i < groups; i += 1) {
    const group = await world.group({ committee, ceiling: 16 });
    for (let p = 0; p < providers; p += 1) await group.add(`gas p${p}`, { size: gibibyte * BigInt(1 + p) });
    batch.groups.push(group);
  }
  for (const proven of ["half", "whole"] as const) await used(batch, { proven });
  return batch;
}

type Batch = { committee: Committee; groups: Group[] };

const used = async (
  { committee, groups }: Batch,
  options: Parameters<typeof settleMany>[2] = {},
): Promise<number> => Number((await settleMany(committee, groups, options)).gasUsed);

/** Gas of one more in a transaction: the difference between a small batch and a large one, both the second time. */
async function perOne(
  small: Batch,
  large: Batch,
  more: number,
  options: Parameters<typeof settleMany>[2] = {},
): Promise<number> {
  const second = async (batch: Batch): Promise<number> => {
    await used(batch, options);
    return used(batch, options);
  };
  return Math.round(((await second(large)) - (await second(small))) / more);
}

async function measureSettlements(): Promise<void> {
  const [single, many, wide] = [
    await settledGroups(1),
    await settledGroups(count),
    await settledGroups(1, 11),
  ];
  gas.set("each further group of one provider, all are paid", await perOne(single, many, count - 1));
  gas.set(
    "each further group, one of four members is not paid",
    await perOne(single, many, count - 1, { unpaid: [2] }),
  );
  gas.set("each further group, proven in part", await perOne(single, many, count - 1, { proven: "half" }));
  gas.set("each further provider", await perOne(single, wide, 10));
  gas.set("each further provider, proven in part", await perOne(single, wide, 10, { proven: "half" }));
  await measureWithdrawals(many);
}

async function measureWithdrawals(batch: Batch): Promise<void> {
  const keeper = world.keepers[1] as Wallet;
  const committee = await batch.committee.address();
  const claims = await Promise.all(
    batch.groups.map(async (group) => ({ group: await group.address(), committee, version: 1, index: 1 })),
  );
  const operator = batch.groups[0]?.providers[0] as Wallet;
  const accounts = claims.map(({ group }) => ({ group, provider: 0 }));
  const withdraw = async (from: Wallet, method: string, list: readonly object[]): Promise<number> => {
    await send(world.factory, from, method, [list]);
    await used(batch);
    return Math.round(Number((await send(world.factory, from, method, [list])).gasUsed) / count);
  };
  gas.set(
    "a keeper withdraws from 32 groups in one call, each",
    await withdraw(keeper, "withdrawKeepers", claims),
  );
  gas.set(
    "a provider withdraws from 32 groups in one call, each",
    await withdraw(operator, "withdrawProviders", accounts),
  );
}

async function measureCreation(): Promise<void> {
  const config = await world.config();
  const address = await (await world.committee()).address();
  const create = async (): Promise<number> =>
    Number((await send(world.factory, world.payer, "createGroup", [config, address, 3])).gasUsed);
  await create();
  gas.set("new group that enters a committee", await create());
}

beforeAll(async () => {
  world = await GroupWorld.open();
  reference = await ecdsaReference(world.payer, 4);
  await measureCreation();
  await measureSettlements();
}, 600_000);
afterAll(() => world.chain.close());

describe("gas of a group", () => {
  it("stays within the targets", () => {
    const targets: [string, number][] = [
      ["each further group, one of four members is not paid", 34_000],
      ["each further provider", 7_500],
      ["new group that enters a committee", 240_000],
      ["a provider withdraws from 32 groups in one call, each", 35_000],
      ["each further group of one provider, all are paid", 22_000],
      ["a keeper withdraws from 32 groups in one call, each", 35_000],
    ];
    for (const [name, target] of targets) expect(gas.get(name), name).toBeLessThanOrEqual(target);
  });

  it("is what docs/figures/gas-groups.md says, to within a hundredth", () => {
    // The reference settles a group with one provider; nothing else of the page has a counterpart there.
    const rows = [...gas].map(([name, used]): Row => {
      return [name, used, name.startsWith("each further group") ? reference : undefined];
    });
    expect(differences("gas-groups.md", "| | gas | 3 ECDSA signatures |", rows)).toEqual([]);
  });
});
