import { describe, expect, it } from "vitest";
import { addressOfCommittee } from "../../sim/chain/snapshots.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { settledOf } from "../support/first-group.ts";

async function play(blocks: number): Promise<Cluster> {
  const c = new Cluster({ ...defaultOptions, seed: 11 });
  for (let i = 0; i < c.options.committee; i++) c.start(i);
  await c.run(blocks);
  return c;
}

/** Sizes of all collections that a keeper holds for a committee. */
function sizes(c: Cluster, keeper: number): Record<string, number> {
  const state = c.seats[keeper]?.keeper?.stateOf(addressOfCommittee(0));
  if (state === undefined) throw new Error(`keeper ${keeper} is not running`);
  const { hashes, tasks, before, notes, own, salts, early, hellos, records } = state;
  const counted = { hashes, tasks, before, notes, own, salts, early, hellos };
  return {
    ...Object.fromEntries(Object.entries(counted).map(([name, map]) => [name, map.size])),
    records: [...records.values()].reduce((sum, bySlot) => sum + bySlot.size, 0),
    rows: c.seats[keeper]?.store.size ?? 0,
  };
}

describe("a keeper that runs for long", () => {
  it("holds no more state after fifty intervals than after five, in memory and on disk", async () => {
    const { interval } = defaultOptions.params;
    const c = await play(8 * interval);
    const early = sizes(c, 0);
    await c.run(45 * interval);
    const late = sizes(c, 0);
    expect(settledOf(c).length).toBeGreaterThan(45);
    for (const [name, size] of Object.entries(late)) {
      // A part of an interval more or less, as the run stops at any place in it.
      expect(size, name).toBeLessThanOrEqual(2 * (early[name] ?? 0) + 4);
    }
  });
});
