import { afterAll, beforeAll, describe, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { judgeLife } from "./judge.ts";
import { cheat, cheatUnpaid, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import { diesBetweenPersistAndSend, leaderDies, leaderDiesWithCertificate } from "./scenarios/crashes.ts";

/** Blocks decide; this only ends a run that hangs. */
const limit_ms = 120_000;

describe("four keepers, each a process, one of which dies or cheats in every interval", () => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers: 4, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  const faults: readonly [string, () => Promise<unknown>][] = [
    ["lose one turn when the leader is killed before it commits", () => leaderDies(fleet, "before-commit")],
    [
      "lose one turn when the leader is killed after it closed the set",
      () => leaderDies(fleet, "after-close"),
    ],
    ["lose no turn when the leader is killed with the certificate", () => leaderDiesWithCertificate(fleet)],
    ["sign once when one is killed between persist and send", () => diesBetweenPersistAndSend(fleet)],
    ["pay the true value when one inflates by half", () => cheat(fleet, ["inflate"])],
    ["pay the true value when one deflates to zero", () => cheat(fleet, ["deflate"])],
    ["do not pay one that copies a commit", () => cheatUnpaid(fleet, "copy-commit")],
    ["do not pay one that withholds its reveal", () => cheatUnpaid(fleet, "withhold-reveal")],
    ["do not pay one that asks no challenges", () => lazyIsNotPaid(fleet)],
    ["settle under a leader that sends two closed sets", () => leaderClosesTwice(fleet)],
  ];
  for (const [name, play] of faults) it(name, play, limit_ms);

  it("have kept S1 to S7 through all of it", () => judgeLife(fleet), limit_ms);
});
