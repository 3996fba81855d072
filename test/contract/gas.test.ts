import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bitmap, gibibyte, range, World, type Group, type Item } from "../support/contracts/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.chain.close());

const rows: [string, number][] = [];
function note(name: string, gas: bigint): number {
  rows.push([name, Number(gas)]);
  return Number(gas);
}
async function steady(n: number, count: number): Promise<Group> {
  const group = await world.group(n);
  for (const i of range(count)) await group.add(`p${i}`, gibibyte);
  for (let i = 0; i < 3; i += 1) {
    const items: Item[] = range(count).map((provider) => ({ provider, spaceTime: gibibyte * 30n }));
    await group.settle(
      await group.proposal(items, {
        turn: await group.turnNow(),
        payees: bitmap(range(n)),
        failed: 0n,
        ...(i === 0
          ? { failed: bitmap(range(Math.min((await group.turnNow()) - 1, group.f), 1)), payees: 0n }
          : {}),
      }),
    );
  }
  return group;
}
async function measure(group: Group, change: { signers?: number[]; payees?: bigint } = {}): Promise<bigint> {
  const count = group.providers.length;
  const items: Item[] = range(count).map((provider) => ({ provider, spaceTime: gibibyte * 30n }));
  const r = await group.settle(
    await group.proposal(items, change.payees === undefined ? {} : { payees: change.payees }),
    change.signers ? { signers: change.signers } : {},
  );
  return r.gasUsed;
}
describe("gas", () => {
  it("table", async () => {
    for (const n of [4, 31]) {
      const g = await steady(n, 1);
      note(`create n=${n}`, g.created.gasUsed);
      for (const i of range(3)) note(`n=${n} all`, await measure(g));
      const signers = range(n - g.f, g.f);
      note(`n=${n} f not signing`, await measure(g, { signers }));
      note(
        `n=${n} f neither, first`,
        await measure(g, { signers: range(n - g.f), payees: bitmap(range(n - g.f)) }),
      );
      note(
        `n=${n} f neither, steady`,
        await measure(g, { signers: range(n - g.f), payees: bitmap(range(n - g.f)) }),
      );
      const g2 = await steady(n, 11);
      note(`n=${n} 11 providers`, await measure(g2));
    }
    console.table(rows);
    expect(1).toBe(1);
  }, 120_000);
});
