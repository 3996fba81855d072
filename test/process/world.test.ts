import { describe } from "vitest";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { headLiedAbout, settlementTakenBack } from "./scenarios/chain.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneLosesMessages, oneMoves, oneUnheard, splitInHalves } from "./scenarios/network.ts";

const limit_ms = 180_000;

describe("four keepers, each a process, whose network or chain misbehaves in every interval", () => {
  const faults: readonly Fault[] = [
    [
      "settle in the next turn when a partition of two and two heals",
      [2],
      ({ fleet }) => splitInHalves(fleet),
    ],
    ["settle without one that is cut off", [1], ({ fleet }) => oneCutOff(fleet, "last")],
    ["settle without one that hears all and is heard by none", [1], ({ fleet }) => oneUnheard(fleet)],
    ["settle in time when every other message to one is lost", [1], ({ fleet }) => oneLosesMessages(fleet)],
    ["settle again when a reorg of one block drops it", [1], ({ fleet }) => settlementTakenBack(fleet, 1)],
    ["settle again when a reorg of two blocks drops it", [1], ({ fleet }) => settlementTakenBack(fleet, 2)],
    [
      "settle again when a reorg beyond the confirmations drops it",
      [1],
      ({ fleet }) => settlementTakenBack(fleet, 3),
    ],
    [
      "settle without one whose RPC claims a head far ahead",
      [1],
      ({ fleet }) => headLiedAbout(fleet, "ahead"),
    ],
    ["settle in time when one moves to another address", [1], ({ fleet }) => oneMoves(fleet)],
    [
      "sign nothing twice while one key runs in two processes",
      [1, 2],
      ({ fleet, twins }) => sameKeyTwice(fleet, (folder) => twins.push(folder)),
    ],
  ];
  liveThrough(4, faults, limit_ms);
});
