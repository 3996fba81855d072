/** The largest group: what its settlement and its abandon cost at worst, measured (R29, R33, R34). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GroupWorld, type Committee, type Group } from "../support/contracts/group-world.ts";
import { changeAll, mostChanges, passSlot, third } from "../support/contracts/worst-settlement.ts";

const providers = 256;
const interval = 1_000;

let world: GroupWorld;
let committee: Committee;
let group: Group;

beforeAll(async () => {
  world = await GroupWorld.open();
  committee = await world.committee({ interval });
  group = await world.group({ committee, ceiling: providers, deposit: 100_000_000n });
  for (let i = 0; i < providers; i += 1) await group.add(`bounds p${i}`);
}, 600_000);
afterAll(() => world.chain.close());

describe("a group of 256 providers", () => {
  it("has no room for another", async () => {
    expect((await world.failing(group.add("bounds one more"))).error).toBe("Upkeeping_TooManyProviders");
  });

  it("settles in one transaction, in arrears, with 16 changes each and an unpaid member", async () => {
    // The first interval is short: all are in arrears from then on.
    let settled = await committee.certify();
    while (settled.te <= (await group.activeFrom(providers - 1))) {
      await group.settle(settled, await group.items(settled.te));
      settled = await committee.certify();
    }
    const first = await group.settle(settled, third(providers, (3 * interval) / 2));
    expect((await group.read("provider", 7)).arrears).toBeGreaterThan(0n);
    for (let round = 0; round < mostChanges - 1; round += 1) {
      await changeAll(group, round);
      await passSlot(group);
    }
    // The last change takes effect after the interval.
    await world.chain.before((await committee.certifiedThrough()) + interval);
    await changeAll(group, mostChanges - 1);
    expect((await group.read("provider", 7)).unsettledChanges).toBe(BigInt(mostChanges));
    await group.deposit(10_000_000n);
    const at = await committee.certify();
    const worst = await group.settle(at, third(providers, interval), { unpaid: [1], sender: 2 });
    console.log(
      `256 providers: in arrears for the first time ${first.gasUsed}, with 16 changes ${worst.gasUsed}`,
    );
    expect(first.gasUsed).toBeLessThanOrEqual(12_000_000n);
    expect(worst.gasUsed).toBeLessThanOrEqual(12_000_000n);
    expect((await group.read("provider", 7)).unsettledChanges).toBe(1n);
    await group.checkBooks();
  }, 600_000);

  it("is abandoned below 8 M gas, with the escrow short", async () => {
    await world.chain.before((await group.settledThrough()) + interval + 100);
    const receipt = await group.send(world.payer, "abandon", [0]);
    console.log(`256 providers abandoned: ${receipt.gasUsed}`);
    expect(receipt.gasUsed).toBeLessThanOrEqual(8_000_000n);
    await group.checkBooks();
  }, 600_000);
});
