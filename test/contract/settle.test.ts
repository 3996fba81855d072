import { beforeAll, describe, expect, it } from "vitest";
import { gibibyte, range, World, type Group } from "../support/contracts/world.ts";

let world: World;
beforeAll(async () => {
  world = await World.open();
});

describe("settle", () => {
  it("credits providers and keepers to the unit", async () => {
    const group: Group = await world.group(4);
    await group.add("p0", 10n * gibibyte);
    await group.add("p1", 3n * gibibyte + 7n);
    await group.settle(await group.proposal([]), {}).catch(() => undefined);
    const turn = await group.turnNow();
    const items = [
      { provider: 0, spaceTime: 5n * gibibyte + 3n },
      { provider: 1, spaceTime: 12_345n },
    ];
    const before = await group.read("escrow");
    const receipt = await group.settle(await group.proposal(items, { turn }));
    const after = await group.read("escrow");
    expect(receipt.status).toBe(1);
    const amounts = items.map(({ spaceTime }) => (spaceTime * group.config.price) >> 30n);
    const cuts = amounts.map((amount) => amount / 10n);
    const providers = await group.read("providers", 0, 10);
    expect(providers.map((p: { credited: bigint }) => p.credited)).toEqual(
      amounts.map((a, i) => a - (cuts[i] as bigint)),
    );
    expect(before.balance).toBe(after.balance);
    console.log(range(1), receipt.gasUsed);
  });
});
