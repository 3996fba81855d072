import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import type { Settled } from "../support/fleet/fault-fleet.ts";
import { judgeLife } from "./judge.ts";
import { headLiedAbout, settlementTakenBack } from "./scenarios/chain.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneLosesMessages, oneMoves, oneUnheard, splitInHalves } from "./scenarios/network.ts";

/** Blocks decide; this only ends a run that hangs. */
const limit_ms = 180_000;

describe("four keepers, each a process, whose network or chain misbehaves in every interval", () => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  const twins: string[] = [];
  const faults: readonly [string, readonly number[], () => Promise<Settled>][] = [
    ["settle in the next turn when a partition of two and two heals", [2], () => splitInHalves(fleet)],
    ["settle without one that is cut off", [1], () => oneCutOff(fleet, "last")],
    ["settle without one that hears all and is heard by none", [1], () => oneUnheard(fleet)],
    ["settle in time when every other message to one is lost", [1], () => oneLosesMessages(fleet)],
    ["settle again when a reorg of one block drops it", [1], () => settlementTakenBack(fleet, 1)],
    ["settle again when a reorg of two blocks drops it", [1], () => settlementTakenBack(fleet, 2)],
    ["settle again when a reorg beyond the confirmations drops it", [1], () => settlementTakenBack(fleet, 3)],
    ["settle without one whose RPC claims a head far ahead", [1], () => headLiedAbout(fleet, "ahead")],
    ["settle in time when one moves to another address", [1], () => oneMoves(fleet)],
    [
      "sign nothing twice while one key runs in two processes",
      [1, 2],
      () => sameKeyTwice(fleet, (folder) => twins.push(folder)),
    ],
  ];
  it.each(faults)(
    "%s",
    async (_name, turns, play) => {
      expect(turns).toContain((await play()).turn);
    },
    limit_ms,
  );

  it(
    "have kept S1 to S6 through all of it",
    async () => {
      expect(await judgeLife(fleet, twins)).toBeGreaterThan(faults.length);
    },
    limit_ms,
  );
});
