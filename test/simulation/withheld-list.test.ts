/** R10: a provider that gives one keeper no piece list changes nothing, since any other keeper serves it. */
import { describe, expect, it } from "vitest";
import { bitIndices } from "../../protocol/bitmap.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import type { Reality } from "../../sim/cluster.ts";
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import { committedOf, membersOf, settledOf, tsOf } from "../support/first-group.ts";

const provider = 1;

/** Three intervals; the provider's data changes in the second. `refuses`: whether it gives the first leader no list. */
async function play(refuses: boolean, reality: Reality = {}): Promise<{ c: Cluster; refused: number }> {
  const c = new Cluster({ ...defaultOptions, ...reality, seed: 12, providers: [100_000, 200_000, 300_000] });
  const ts = tsOf(c);
  const { operators, seed } = membersOf(c);
  const victim = leaderOf(turnOrder(ts, seed, operators), 1);
  let refused = 0;
  c.servesList = (index, keeper) => {
    if (!refuses || index !== provider || keeper !== victim) return true;
    refused++;
    return false;
  };
  c.onBlock((block) => {
    if (block === 90) c.payers[0]!.changeData(provider, 250_000n);
  });
  c.seats.forEach((_, i) => c.start(i));
  await c.run(220);
  return { c, refused };
}

describe("a provider that withholds its piece list from one leader", () => {
  it.each(["cheap", "real"] as const)("changes nothing (%s proofs)", async (proofs) => {
    const { c, refused } = await play(true, { proofs });
    const { c: without } = await play(false, { proofs });
    // It was asked for the list it began with, and for the next one.
    expect(refused).toBeGreaterThanOrEqual(2);
    expect(settledOf(c)).toHaveLength(3);
    for (const { settlement } of settledOf(c)) {
      const { ts, te, failed, payees, items } = settlement;
      expect({ blocks: te - ts, failed, payees: bitIndices(payees) }).toEqual({
        blocks: defaultOptions.params.interval,
        failed: 0n,
        payees: [0, 1, 2, 3],
      });
      for (const item of items) expect(item.spaceTime).toBe(committedOf(c, item.provider, ts, te));
    }
    const values = (world: Cluster): object[] =>
      world.seats.flatMap(({ store }) =>
        store.integrated.map(({ ts, turn, values }) => ({ ts, turn, values })),
      );
    expect(values(c)).toEqual(values(without));
  });
});
