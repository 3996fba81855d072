import { describe } from "vitest";
import { lossAndReorgs } from "./faults.ts";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneMoves, splitInHalves } from "./scenarios/network.ts";

/** Ends a run that hangs; a busy machine makes it longer. */
const limit_ms = 600_000;

describe("four keeper processes; in every interval the network or the chain has a fault", () => {
  const faults: readonly Fault[] = [
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
