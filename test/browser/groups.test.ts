/** Keepers as processes that serve many groups from one account each. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeSettledLog } from "../../client/settlements.ts";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";

/** Ends a run that hangs; a busy machine makes it longer. */
const limit_ms = 600_000;
const more = 6;

describe("one daemon and many groups", () => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 1 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  it(
    "settles each in the first turn of its interval",
    async () => {
      const groups = await fleet.addGroups(more);
      expect(groups).toHaveLength(more + 1);
      const { interval, turn } = fleet.params;
      await fleet.mineTo((await fleet.head()) + 2 * interval + turn);
      for (const group of groups) {
        const ends = (await fleet.logs(group)).map((log) => decodeSettledLog(log).te);
        // The first interval may end while the keepers start (R23); from then on every one is settled in its first turn.
        expect(ends.length, group).toBeGreaterThanOrEqual(2);
        const lengths = ends.slice(1).map((te, i) => te - (ends[i] as number));
        expect(lengths, group).toEqual(lengths.map(() => interval));
      }
    },
    limit_ms,
  );
});
