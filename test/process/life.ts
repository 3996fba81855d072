/** One fleet with a list of faults, one in each interval, and checks at the end. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import type { Certified } from "../support/fleet/certificates.ts";
import { judgeLife } from "./judge.ts";

/** The expected behaviour of keepers under a fault, the turns in which they may settle, and the scene that causes the fault. */
export type Fault = readonly [string, readonly number[], (life: Life) => Promise<Certified>];

export type Life = {
  readonly fleet: FaultFleet;
  /** Data folders of second processes with a keeper's key, for the judge. */
  readonly twins: string[];
};

/** Declares the tests of one fleet. @param limit_ms ends a run that hangs; results depend on blocks only */
export function liveThrough(keepers: number, faults: readonly Fault[], limit_ms: number): void {
  const twins: string[] = [];
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  it.each(faults)(
    "%s",
    async (_name, turns, play) => {
      expect(turns).toContain((await play({ fleet, twins })).turn);
    },
    limit_ms,
  );

  it(
    "have kept S1 to S6 through all of it",
    async () => {
      expect(await judgeLife(fleet, twins)).toBeGreaterThanOrEqual(faults.length);
    },
    limit_ms,
  );
}
