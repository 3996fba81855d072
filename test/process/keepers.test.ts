import { describe } from "vitest";
import { liveThrough } from "./life.ts";
import { certificateTakenBack } from "./scenarios/chain.ts";
import { cheat } from "./scenarios/cheats.ts";
import { diesBetweenPersistAndSend, leaderDies } from "./scenarios/crashes.ts";
import { splitInHalves } from "./scenarios/network.ts";

/** Time limit for a run that hangs; long, because a busy machine is slow. */
const limit_ms = 600_000;

// One fleet plays a fault of each kind: crash, kill point, cheat, partition, reorg. The long matrix plays all of them, with more sizes.
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
      [
        "settle in the next turn when a partition of two and two heals",
        [2],
        ({ fleet }) => splitInHalves(fleet),
      ],
      [
        "settle again when a reorg beyond the confirmations drops it",
        [1],
        ({ fleet }) => certificateTakenBack(fleet, 3),
      ],
    ],
    limit_ms,
  );
});
