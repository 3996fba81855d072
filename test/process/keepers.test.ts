import { describe } from "vitest";
import { liveThrough } from "./life.ts";
import { cheat } from "./scenarios/cheats.ts";
import { diesBetweenPersistAndSend, leaderDies } from "./scenarios/crashes.ts";

/** Time limit for a run that hangs; long, because a busy machine is slow. */
const limit_ms = 600_000;

// One fleet plays a crash, a kill point and a cheat. The long matrix plays all faults, among them partitions and reorgs, with more sizes.
describe("four keeper processes, with one fault in every interval", () => {
  liveThrough(
    4,
    [
      [
        "lose one turn when the leader is killed after it closed the set",
        [2],
        ({ fleet }) => leaderDies(fleet, "after-close"),
      ],
      [
        "sign once when one is killed between persist and send",
        [1],
        ({ fleet }) => diesBetweenPersistAndSend(fleet),
      ],
      ["pay the true value when one inflates by half", [1], ({ fleet }) => cheat(fleet, ["inflate"])],
    ],
    limit_ms,
  );
});
