/** Views that are no part of a group's code (R35). */
import { type Contract } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract } from "../support/contracts/chain.ts";
import { gibibyte, GroupWorld, type Group } from "../support/contracts/group-world.ts";

let world: GroupWorld;
let lens: Contract;
let group: Group;
beforeAll(async () => {
  world = await GroupWorld.open();
  lens = await deployContract("Lens", world.payer, [await world.registry.getAddress()]);
  group = await world.group({ deposit: 5_000_000n });
  await group.add("lens p0", { size: 10n * gibibyte });
  await group.settleNext();
});
afterAll(() => world.chain.close());

describe("the lens", () => {
  it("tells everything about a group in one call", async () => {
    const page = await lens.getFunction("group")(await group.address());
    expect(page.payer).toBe(await world.payer.getAddress());
    expect(page.config).toEqual([await world.token.getAddress(), 100n, 1000n, 0n]);
    expect(page.state.listed).toBe(1n);
    expect(page.escrow.available).toBe(await group.available());
  });

  it("pages providers, and cuts at the end", async () => {
    const [p, ...others] = await lens.getFunction("providers")(await group.address(), 0, 9);
    expect(others).toEqual([]);
    expect([p.index, p.payee, p.data[0].size]).toEqual([0n, group.providers[0]?.address, 10n * gibibyte]);
    expect(await lens.getFunction("providers")(await group.address(), 1, 9)).toEqual([]);
  });

  it("integrates what a provider committed, over its changes", async () => {
    const from = await group.settledThrough();
    const before = await lens.getFunction("committed")(await group.address(), 0, from, from + 40);
    expect([...before]).toEqual([400n * gibibyte, (400n * 1_000n) << 64n]);
    await group.change(0, { size: 20n * gibibyte });
    const changed = Number((await group.read("dataOf", 0)).at(-1).from);
    const [spaceTime] = await lens.getFunction("committed")(await group.address(), 0, from, changed + 10);
    expect(spaceTime).toBe((BigInt(changed - from) * 10n + 200n) * gibibyte);
  });

  it("says until when the escrow pays, and what may be withdrawn", async () => {
    const from = await group.settledThrough();
    const changed = Number((await group.read("dataOf", 0)).at(-1).from);
    const available = await group.available();
    const first = BigInt(changed - from) * 10_000n;
    const expected = BigInt(changed) + (available - first) / 20_000n;
    expect(await lens.getFunction("fundedUntil")(await group.address())).toBe(expected);
    const { required } = await group.read("escrow");
    expect(await lens.getFunction("withdrawable")(await group.address())).toBe(available - required);
    const free = await world.group();
    expect(await lens.getFunction("fundedUntil")(await free.address())).toBe((1n << 64n) - 1n);
  });

  it("counts what shrinks, begins and leaves ahead, and the fee, in how long the escrow pays", async () => {
    const funded = await world.group({ config: { keeperFee: 65_536n }, deposit: 10n ** 7n });
    await funded.add("lens p1", { size: 10n * gibibyte });
    await funded.settleNext();
    const ts = await funded.settledThrough();
    const until = async (): Promise<bigint> => lens.getFunction("fundedUntil")(await funded.address());
    /** The last block + 1 that is paid for, block by block, with so many units a block from each block on. */
    const paid = async (...rates: readonly (readonly [from: number, units: bigint])[]): Promise<bigint> => {
      let left = await funded.available();
      let block = ts;
      // 8 reserved providers, one unit a block for each.
      const cost = (): bigint => 8n + (rates.findLast(([from]) => from <= block)?.[1] ?? 0n);
      for (; left >= cost(); block += 1) left -= cost();
      return BigInt(block);
    };
    expect(await until()).toBe(await paid([ts, 10_000n]));
    await funded.change(0, { size: 2n * gibibyte });
    const shrinks = Number((await funded.read("dataOf", 0)).at(-1).from);
    expect(await until()).toBe(await paid([ts, 10_000n], [shrinks, 2_000n]));
    await world.chain.before((await world.chain.block()) + 11);
    await funded.add("lens p2", { size: 5n * gibibyte });
    const begins = await funded.activeFrom(1);
    expect(begins).toBeGreaterThan(shrinks);
    expect(await until()).toBe(await paid([ts, 10_000n], [shrinks, 2_000n], [begins, 7_000n]));
    await funded.send(world.payer, "removeProvider", [0]);
    const leaves = Number((await funded.read("provider", 0)).leavesAt);
    expect(await until()).toBe(
      await paid([ts, 10_000n], [shrinks, 2_000n], [begins, 7_000n], [leaves, 5_000n]),
    );
  });

  it("reads a keeper's balances in many groups", async () => {
    const groups = [await group.address(), await (await world.group()).address()];
    const committee = await group.committee.address();
    const balances = await lens.getFunction("keeperBalances")(groups, committee, 1, 2);
    expect(balances.map(({ balance }: { balance: bigint }) => balance)).toEqual([await group.keeper(2), 0n]);
  });
});
