import { describe } from "vitest";
import { deaths } from "./faults.ts";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";

/** Time limit for a run that hangs; long, because a busy machine is slow. */
const limit_ms = 600_000;

describe("four keeper processes; in every interval one is killed or cheats", () => {
  const faults: readonly Fault[] = [
    ...deaths,
    ["pay the true value when one inflates by half", [1], ({ fleet }) => cheat(fleet, ["inflate"])],
    ["pay the true value when one deflates to zero", [1], ({ fleet }) => cheat(fleet, ["deflate"])],
    [
      "do not pay one that copies a commit",
      [1],
      ({ fleet }) => cheat(fleet, ["copy-commit"], ["copy-commit"]),
    ],
    [
      "do not pay one that withholds its reveal",
      [1],
      ({ fleet }) => cheat(fleet, ["withhold-reveal"], ["withhold-reveal"]),
    ],
    ["do not pay one that asks no challenges", [1], ({ fleet }) => lazyIsNotPaid(fleet)],
    [
      "settle under a leader that sends two closed sets, or after its turn",
      [1, 2],
      ({ fleet }) => leaderClosesTwice(fleet),
    ],
  ];
  liveThrough(4, faults, limit_ms);
});
