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

  it("reads a keeper's balances in many groups", async () => {
    const groups = [await group.address(), await (await world.group()).address()];
    const committee = await group.committee.address();
    const balances = await lens.getFunction("keeperBalances")(groups, committee, 1, 2);
    expect(balances.map(({ balance }: { balance: bigint }) => balance)).toEqual([await group.keeper(2), 0n]);
  });
});
