import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import type { Settled } from "../support/fleet/fault-fleet.ts";
import { judgeLife } from "./judge.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import { diesBetweenPersistAndSend, leaderDies, leaderDiesWithCertificate } from "./scenarios/crashes.ts";

/** Blocks decide; this only ends a run that hangs. */
const limit_ms = 180_000;

describe("four keepers, each a process, one of which dies or cheats in every interval", () => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  const faults: readonly [string, readonly number[], () => Promise<Settled>][] = [
    [
      "lose one turn when the leader is killed before it commits",
      [2],
      () => leaderDies(fleet, "before-commit"),
    ],
    [
      "lose one turn when the leader is killed after it closed the set",
      [2],
      () => leaderDies(fleet, "after-close"),
    ],
    [
      "lose no turn when the leader is killed with the certificate",
      [1],
      () => leaderDiesWithCertificate(fleet),
    ],
    ["sign once when one is killed between persist and send", [1], () => diesBetweenPersistAndSend(fleet)],
    ["pay the true value when one inflates by half", [1], () => cheat(fleet, ["inflate"])],
    ["pay the true value when one deflates to zero", [1], () => cheat(fleet, ["deflate"])],
    ["do not pay one that copies a commit", [1], () => cheat(fleet, ["copy-commit"], ["copy-commit"])],
    [
      "do not pay one that withholds its reveal",
      [1],
      () => cheat(fleet, ["withhold-reveal"], ["withhold-reveal"]),
    ],
    ["do not pay one that asks no challenges", [1], () => lazyIsNotPaid(fleet)],
    [
      "settle under a leader that sends two closed sets, or after its turn",
      [1, 2],
      () => leaderClosesTwice(fleet),
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
      expect(await judgeLife(fleet)).toBeGreaterThan(faults.length);
    },
    limit_ms,
  );
});
