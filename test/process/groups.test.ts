/** Keepers as processes that serve many groups from one account each (n = 4). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultFleet } from "../support/fault-fleet.ts";

const more = 6;

let fleet: FaultFleet;
beforeAll(async () => {
  fleet = await FaultFleet.open({ keepers: 4, providers: 1, blockTime_ms: 500 });
}, 120_000);
afterAll(() => fleet.close());

describe("one daemon and many groups", () => {
  it("settles each in the first turn of its interval", async () => {
    const groups = await fleet.addGroups(more);
    const all = [fleet.world.group, ...groups];
    const { interval, turn } = fleet.params;
    const from = await fleet.head();
    await fleet.until(from + 2 * interval + turn);
    const ends = await Promise.all(all.map((group) => fleet.endsOf(group)));
    for (const [i, settled] of ends.entries()) {
      // The first interval may end while the keepers start (R23); from then on every one is settled in its first turn.
      expect(settled.length, all[i]).toBeGreaterThanOrEqual(2);
      const lengths = settled.slice(1).map((te, j) => te - (settled[j] as number));
      expect(lengths, all[i]).toEqual(lengths.map(() => interval));
    }
  });
});
