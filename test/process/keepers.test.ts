import { describe } from "vitest";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import { diesBetweenPersistAndSend, leaderDies, leaderDiesWithCertificate } from "./scenarios/crashes.ts";

const limit_ms = 180_000;

describe("four keepers, each a process, one of which dies or cheats in every interval", () => {
  const faults: readonly Fault[] = [
    [
      "lose one turn when the leader is killed before it commits",
      [2],
      ({ fleet }) => leaderDies(fleet, "before-commit"),
    ],
    [
      "lose one turn when the leader is killed after it closed the set",
      [2],
      ({ fleet }) => leaderDies(fleet, "after-close"),
    ],
    [
      "lose no turn when the leader is killed with the certificate",
      [1],
      ({ fleet }) => leaderDiesWithCertificate(fleet),
    ],
    [
      "sign once when one is killed between persist and send",
      [1],
      ({ fleet }) => diesBetweenPersistAndSend(fleet),
    ],
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
