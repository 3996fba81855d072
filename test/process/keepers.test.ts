import { describe } from "vitest";
import { deaths, lossAndReorgs } from "./faults.ts";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneMoves, splitInHalves } from "./scenarios/network.ts";

/** Time limit for a run that hangs; long, because a busy machine is slow. */
const limit_ms = 600_000;

// One fleet plays all of it: the start of a fleet costs as much as two intervals. The long matrix has more faults and sizes.
describe("four keeper processes, with one fault in every interval", () => {
  const faults: readonly Fault[] = [
    ...deaths,
    ["pay the true value when one inflates by half", [1], ({ fleet }) => cheat(fleet, ["inflate"])],
    ["do not pay one that asks no challenges", [1], ({ fleet }) => lazyIsNotPaid(fleet)],
    [
      "settle under a leader that sends two closed sets, or after its turn",
      [1, 2],
      ({ fleet }) => leaderClosesTwice(fleet),
    ],
    [
      "settle in the next turn when a partition of two and two heals",
      [2],
      ({ fleet }) => splitInHalves(fleet),
    ],
    ["settle without one that is cut off", [1], ({ fleet }) => oneCutOff(fleet, "last")],
    ...lossAndReorgs,
    ["settle in time when one moves to another address", [1], ({ fleet }) => oneMoves(fleet)],
    [
      "sign nothing twice while one key runs in two processes",
      [1, 2],
      ({ fleet, twins }) => sameKeyTwice(fleet, (folder) => twins.push(folder)),
    ],
  ];
  liveThrough(4, faults, limit_ms);
});
