/** Views of a committee in pages (R35). */
import { type Contract } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployContract } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { ServiceWorld, type ServedGroup } from "../support/contracts/service-world.ts";
import type { Keeper } from "../support/contracts/basics.ts";

let world: ServiceWorld;
let lens: Contract;
let committee: Committee;
let groups: ServedGroup[];
let newcomer: Keeper;
beforeAll(async () => {
  world = await ServiceWorld.open();
  lens = await deployContract("Lens", world.payer, [await world.committees.registry.getAddress()]);
  committee = await world.committee();
  groups = [await world.group(committee), await world.group(committee, { ceiling: 3 })];
  newcomer = (await world.committees.keepers(5))[4] as Keeper;
  await committee.propose([...committee.members.slice(0, 3), newcomer]);
  await committee.send(newcomer.operator, "consent", [2]);
  await committee.send(committee.member(1).operator, "resign");
});
afterAll(() => world.chain.close());

/** Pages of this committee. */
// A view's shape is known to the test that asks.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const pages = async (name: string, ...args: unknown[]): Promise<any> =>
  lens.getFunction(name)(committee.address, ...args);

describe("the lens", () => {
  it("tells everything about a committee in one call", async () => {
    const page = await pages("committee");
    expect(page.convener).toBe(world.payer.address);
    expect([...page.rhythm]).toEqual([40n, 30n, 5n, 2n, 1n, 100n]);
    expect([...page.terms]).toEqual([await world.token.getAddress(), 0n, 1000n, 1000n, false]);
    const origin = await committee.read("originBlock");
    const begins = (await (groups[0] as ServedGroup).read("state")).service.from;
    expect([page.n, page.originBlock, page.certifiedThrough]).toEqual([4n, origin, begins]);
    expect([page.currentVersion, page.lastVersion, page.complete, page.rotated]).toEqual([1n, 2n, 0n, 0n]);
    expect([page.resigned, page.lastNumber, page.reserved]).toEqual([0b10n, 2n, 11n]);
  });

  it("pages the seats of a version, and cuts at the end", async () => {
    const seats = await pages("members", 1, 1, 9);
    const expected = committee.members
      .slice(1)
      .map(({ operator: { address } }, i) => [BigInt(i + 1), address, address, true, i === 0]);
    expect(seats.map((seat: unknown[]) => [...seat])).toEqual(expected);
    const [first, second, third, last] = await pages("members", 2, 0, 4);
    expect([first.consented, second.consented, third.consented]).toEqual([false, false, false]);
    expect([...last]).toEqual([3n, newcomer.operator.address, newcomer.operator.address, true, false]);
    expect(await pages("members", 1, 4, 1)).toEqual([]);
  });

  it("pages versions with their operators and what these consent to", async () => {
    const both = await pages("versions", 0, 9);
    expect(both.map((page: { version: { version: bigint } }) => page.version.version)).toEqual([1n, 2n]);
    const [second] = await pages("versions", 2, 1);
    expect([second.version.base, second.version.completedAt]).toEqual([1n, 0n]);
    expect([...second.operators]).toEqual([...(await committee.read("operatorsOf", 2))]);
    expect(second.configuration).toBe(committee.configuration(1, [...second.operators]));
    expect(await pages("versions", 3, 5)).toEqual([]);
  });

  it("pages memberships by their numbers", async () => {
    const [first, second, ...others] = await pages("memberships", 0, 9);
    expect(others).toEqual([]);
    expect([first.number, first.membership.group]).toEqual([1n, await groups[0]?.address()]);
    const { from } = (await (groups[1] as ServedGroup).read("state")).service;
    expect([second.number, ...second.membership]).toEqual([2n, await groups[1]?.address(), 3n, from, 0n]);
    expect(await pages("memberships", 2, 1)).toHaveLength(1);
    expect(await pages("memberships", 3, 1)).toEqual([]);
  });
});
