import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { refusal } from "../support/contracts/chain.ts";
import { bitmap, gibibyte, World, type Group } from "../support/contracts/basics.ts";

const page = readFileSync(join(projectRoot, "contracts", "SPEC.md"), "utf8");

/** Names and arguments of all errors that the contracts' sources declare. */
function declaredErrors(): string[] {
  const folders = ["interfaces", "libraries"].map((name) => join(projectRoot, "contracts", name));
  const sources = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  return sources.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/^ {4}error (\w+)\(([^)]*)\);/gm)].map(([, name, list]) => {
      const names = (list as string).split(",").map((argument) => argument.trim().split(" ").at(-1));
      return `${name}(${names.join(", ")})`;
    }),
  );
}

describe("SPEC.md", () => {
  it("lists every error of the contracts once, and no other", () => {
    const listed = [...page.matchAll(/^\| `(\w+\([^)]*\))` \|/gm)].map(([, error]) => error ?? "");
    expect(listed.toSorted()).toEqual(declaredErrors().toSorted());
  });
});

describe("the examples of SPEC.md", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(() => world.chain.close());

  /** Two providers with 10 and 3 GiB that are committed all through the interval now open. */
  async function example(deposit?: bigint): Promise<Group> {
    const group = await world.group(4, {
      deposit: deposit === undefined ? 10n ** 9n : 0n,
      config: { price: 1000n, interval: 40, turn: 30, lockup: 100, keeperShareBps: 1000 },
    });
    const sizes = { "example p0": 10n * gibibyte, "example p1": 3n * gibibyte };
    if (deposit !== undefined) await group.addPoor(sizes, deposit);
    else for (const [label, size] of Object.entries(sizes)) await group.add(label, size);
    await settle(group, [0n, 0n]);
    return group;
  }

  async function settle(
    group: Group,
    values: [bigint, bigint],
    change: Parameters<Group["proposal"]>[1] = {},
  ): Promise<void> {
    const items = values.map((value, provider) => ({ provider, spaceTime: value * gibibyte }));
    await group.settle(await group.proposal(items, change));
  }

  async function credits(group: Group): Promise<bigint[]> {
    return [...(await group.read("providers", 0, 2))].map(({ credited }) => credited);
  }

  async function shares(group: Group): Promise<bigint[]> {
    return [...(await group.read("keeperAccounts", 1, 0, 4))].map(({ earned }) => earned);
  }

  /** The page must contain the number, with commas. */
  function said(value: bigint): bigint {
    expect(page).toContain(value.toLocaleString("en-US"));
    return value;
  }

  it("1: a settlement in turn 1", async () => {
    const group = await example();
    await settle(group, [360n, 120n], { payees: bitmap([0, 1, 3]) });
    expect(await credits(group)).toEqual([said(324_000n), said(108_000n)]);
    expect(await shares(group)).toEqual([12_000n, 12_000n, 0n, said(12_000n)]);
  });

  it("2: turn 2, with a failed leader", async () => {
    const group = await example();
    await settle(group, [500n, 0n], { turn: 2, failed: bitmap([1]) });
    expect(await credits(group)).toEqual([said(450_000n), 0n]);
    expect(await shares(group)).toEqual([said(16_666n), 0n, 16_666n, 16_666n]);
    expect((await group.read("escrow")).unallocated).toBe(10n ** 9n - 450_000n - 3n * 16_666n);
  });

  it("3: more signed than committed", async () => {
    const group = await example();
    await settle(group, [0n, 400n]);
    expect(await credits(group)).toEqual([0n, 108_000n]);
  });

  it("4: too little money", async () => {
    const group = await example(240_000n);
    await settle(group, [360n, 120n]);
    expect(await credits(group)).toEqual([said(162_000n), said(54_000n)]);
    const owed = [...(await group.read("providers", 0, 2))].map(({ arrears }) => arrears);
    expect(owed).toEqual([said(180_000n), said(60_000n)]);
  });

  it("5: the withdrawable amount", async () => {
    const group = await example();
    const ts = await group.settledThrough();
    await world.chain.before(ts + 11);
    const escrow = await group.read("escrow");
    expect(escrow.reserve).toBe(said(1_430_000n));
    expect(escrow.withdrawable).toBe(10n ** 9n - 1_430_000n);
  });

  it("6: an addition", async () => {
    const group = await example();
    const ts = await group.settledThrough();
    for (const label of ["example p2", "example p3"]) await world.provider(label);
    // In the block before, the payer withdraws all but 2,000,000 units.
    await world.chain.before(ts + 9);
    await group.send(world.payer, "withdrawPayer", [(await group.free()) - said(2_000_000n)]);
    const inner = await world.chain.rpc("evm_snapshot");
    const refused = await refusal(group.add("example p2", 6n * gibibyte), group.contract.interface);
    expect(refused).toEqual({ error: "Upkeeping_Underfunded", args: [said(2_030_000n), 2_000_000n] });
    await world.chain.rpc("evm_revert", [inner]);
    await group.add("example p2", 5n * gibibyte);
    expect(await world.chain.block()).toBe(ts + 10);
    expect((await group.read("escrow")).reserve).toBe(said(1_930_000n));
  });

  it("7: an abandon", async () => {
    const group = await example();
    await settle(group, [200n, 120n]);
    const [before] = await credits(group);
    const ts = await group.settledThrough();
    await world.chain.before(ts + 200);
    await group.send(world.payer, "abandon");
    expect(await group.settledThrough()).toBe(ts + 200);
    await group.send(world.payer, "touch", [0]);
    expect((await credits(group))[0]).toBe((before as bigint) + said(1_000_000n));
  });
});
