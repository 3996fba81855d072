import { describe } from "vitest";
import { liveThrough } from "./life.ts";
import type { Fault } from "./life.ts";
import { headLiedAbout, certificateTakenBack } from "./scenarios/chain.ts";
import { cheat, lazyIsNotPaid, leaderClosesTwice } from "./scenarios/cheats.ts";
import {
  diesBetweenPersistAndSend,
  leaderDies,
  leaderDiesWithCertificate,
  leadersDie,
} from "./scenarios/crashes.ts";
import { sameKeyTwice } from "./scenarios/instances.ts";
import { oneCutOff, oneLosesMessages, oneMoves, oneUnheard, splitInHalves } from "./scenarios/network.ts";

const limit_ms = 1_200_000;

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
  const f = (keepers - 1) / 3;
  const faults: readonly Fault[] = [
    [
      "lose f turns when f leaders one after the other are killed",
      [f + 1],
      ({ fleet }) => leadersDie(fleet, f),
    ],
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
    ["do not pay one that asks no challenges", [1], ({ fleet }) => lazyIsNotPaid(fleet)],
    ["settle under a leader that sends two closed sets", [1, 2], ({ fleet }) => leaderClosesTwice(fleet)],
    ["settle in the next turn when a partition into halves heals", [2], ({ fleet }) => splitInHalves(fleet)],
    ["settle without one that is cut off", [1], ({ fleet }) => oneCutOff(fleet, "last")],
    ["settle in the next turn when the leader is cut off", [2], ({ fleet }) => oneCutOff(fleet, "leader")],
    ["settle in time when every other message to one is lost", [1], ({ fleet }) => oneLosesMessages(fleet)],
    [
      "settle again when a reorg beyond the confirmations drops it",
      [1],
      ({ fleet }) => certificateTakenBack(fleet, 3),
    ],
    ["settle without one that hears all and is heard by none", [1], ({ fleet }) => oneUnheard(fleet)],
    ["settle again when a reorg of one block drops it", [1], ({ fleet }) => certificateTakenBack(fleet, 1)],
    [
      "settle without one whose RPC claims a head far ahead",
      [1],
      ({ fleet }) => headLiedAbout(fleet, "ahead"),
    ],
    ["settle again when a reorg of two blocks drops it", [1], ({ fleet }) => certificateTakenBack(fleet, 2)],
    ["settle without one whose RPC stands still", [1], ({ fleet }) => headLiedAbout(fleet, "stuck")],
    ["settle in time when one moves to another address", [1], ({ fleet }) => oneMoves(fleet)],
    [
      "sign nothing twice while one key runs in two processes",
      [1, 2],
      ({ fleet, twins }) => sameKeyTwice(fleet, (folder) => twins.push(folder)),
    ],
    ...(f === 1 ? cheats.map((name) => [name] as const) : pairs).map((names): Fault => [
      `pay the true value in time under ${names.join(" and ")}`,
      [1],
      ({ fleet }) => cheat(fleet, names, silent),
    ]),
  ];
  liveThrough(keepers, faults, limit_ms);
});
