import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import type { Settled } from "../support/fleet/fault-fleet.ts";
import { judgeLife } from "./judge.ts";
import { headLiedAbout, settlementTakenBack } from "./scenarios/chain.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import {
  diesBetweenPersistAndSend,
  leaderDies,
  leaderDiesWithCertificate,
  leadersDie,
} from "./scenarios/crashes.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneLosesMessages, oneMoves, oneUnheard, splitInHalves } from "./scenarios/network.ts";

/** Blocks decide; this only ends a run that hangs. */
const limit_ms = 600_000;

const silent = ["copy-commit", "withhold-reveal", "withhold-commit"];
/** Every pair of them at once: f of seven. */
const cheats = [
  "inflate",
  "deflate",
  "copy-commit",
  "withhold-reveal",
  "withhold-signature",
  "equivocate-reveal",
];
const pairs = cheats.flatMap((a, i) => cheats.slice(i).map((b) => [a, b] as const));

describe.each([4, 7])("%i keepers, each a process", (keepers) => {
  let fleet: FaultFleet;
  beforeAll(async () => {
    fleet = await FaultFleet.start({ keepers, providers: 2 });
  }, limit_ms);
  afterAll(() => fleet.stop(), limit_ms);

  const f = (keepers - 1) / 3;
  const twins: string[] = [];
  const faults: readonly [string, readonly number[], () => Promise<Settled>][] = [
    ["lose f turns when f leaders one after the other are killed", [f + 1], () => leadersDie(fleet, f)],
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
    ["do not pay one that asks no challenges", [1], () => lazyIsNotPaid(fleet)],
    ["settle under a leader that sends two closed sets", [1, 2], () => leaderClosesTwice(fleet)],
    ["settle in the next turn when a partition into halves heals", [2], () => splitInHalves(fleet)],
    ["settle without one that is cut off", [1], () => oneCutOff(fleet, "last")],
    ["settle in the next turn when the leader is cut off", [2], () => oneCutOff(fleet, "leader")],
    ["settle without one that hears all and is heard by none", [1], () => oneUnheard(fleet)],
    ["settle in time when every other message to one is lost", [1], () => oneLosesMessages(fleet)],
    ["settle again when a reorg of one block drops it", [1], () => settlementTakenBack(fleet, 1)],
    ["settle again when a reorg of two blocks drops it", [1], () => settlementTakenBack(fleet, 2)],
    ["settle again when a reorg beyond the confirmations drops it", [1], () => settlementTakenBack(fleet, 3)],
    ["settle without one whose RPC claims a head far ahead", [1], () => headLiedAbout(fleet, "ahead")],
    ["settle without one whose RPC stands still", [1], () => headLiedAbout(fleet, "stuck")],
    ["settle in time when one moves to another address", [1], () => oneMoves(fleet)],
    [
      "sign nothing twice while one key runs in two processes",
      [1, 2],
      () => sameKeyTwice(fleet, (folder) => twins.push(folder)),
    ],
    ...(f === 1 ? cheats.map((name) => [name] as const) : pairs).map(
      (names): [string, readonly number[], () => Promise<Settled>] => [
        `pay the true value in time under ${names.join(" and ")}`,
        [1],
        () => cheat(fleet, names, silent),
      ],
    ),
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
