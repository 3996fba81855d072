import { afterAll, beforeAll, describe, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { judgeLife } from "./judge.ts";
import { headLiedAbout, settlementTakenBack } from "./scenarios/chain.ts";
import { oneCutOff, oneUnheard, splitInHalves } from "./scenarios/network.ts";

/** Blocks decide; this only ends a run that hangs. */
const limit_ms = 120_000;

describe("four keepers, each a process, whose network or chain misbehaves in every interval", () => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  const faults: readonly [string, () => Promise<unknown>][] = [
    ["settle in the next turn when a partition of two and two heals", () => splitInHalves(fleet)],
    ["settle without one that is cut off", () => oneCutOff(fleet, "last")],
    ["settle without one that hears all and is heard by none", () => oneUnheard(fleet)],
    ["settle again when a reorg of one block drops the settlement", () => settlementTakenBack(fleet, 1)],
    ["settle again when a reorg of two blocks drops the settlement", () => settlementTakenBack(fleet, 2)],
    ["settle again when a reorg beyond the confirmations drops it", () => settlementTakenBack(fleet, 3)],
    ["settle without one whose RPC claims a head far ahead", () => headLiedAbout(fleet, "ahead")],
  ];
  for (const [name, play] of faults) it(name, play, limit_ms);

  it("have kept S1 to S7 through all of it", () => judgeLife(fleet), limit_ms);
});
