import { describe, expect, it } from "vitest";
import { bits } from "../../keeper/core/hash.ts";
import { Cluster, defaultOptions } from "../../scripts/sim/cluster.ts";
import { firstRelease } from "../../scripts/sim/first-release.ts";

async function play(blocks: number, oldKeepers: readonly number[] = []): Promise<Cluster> {
  const c = new Cluster({ ...defaultOptions, seed: 11 });
  c.decorate = (ports, keeper) => (oldKeepers.includes(keeper) ? firstRelease(ports) : ports);
  for (let i = 0; i < c.options.committee; i++) c.start(i);
  await c.run(blocks);
  return c;
}

describe("a rolling upgrade", () => {
  for (const old of [[0], [0, 1], [0, 1, 2]]) {
    it(`with ${old.length} of four keepers still on the first release settles every interval, and all are paid`, async () => {
      const c = await play(420, old);
      expect(c.chain.settled.length).toBeGreaterThanOrEqual(5);
      for (const { settlement } of c.chain.settled) {
        expect(settlement.failed).toBe(0n);
        expect(bits(settlement.payees)).toEqual([0, 1, 2, 3]);
      }
      const heard = c.network.heard.map(({ message }) => message).filter(({ body }) => body.kind === "hello");
      expect(new Set(heard.map(({ body }) => "speaks" in body)).size).toBe(2);
    });
  }
});

/** Everything a keeper holds of a group, counted. */
function sizes(c: Cluster, keeper: number): Record<string, number> {
  const state = c.seats[keeper]?.keeper?.stateOf(c.chain.snapshot(c.chain.head).address);
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
  it("holds no more after fifty intervals than after five, in memory and on disk", async () => {
    const { interval } = defaultOptions.params;
    const c = await play(8 * interval);
    const early = sizes(c, 0);
    await c.run(45 * interval);
    const late = sizes(c, 0);
    expect(c.chain.settled.length).toBeGreaterThan(45);
    for (const [name, size] of Object.entries(late)) {
      // A part of an interval more or less, as the run stops at any place in it.
      expect(size, name).toBeLessThanOrEqual(2 * (early[name] ?? 0) + 4);
    }
  });
});
