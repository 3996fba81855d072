/** Faults for fleets of four and of more keepers, in the order in which they fire. */
import type { Fault } from "./life.ts";
import { settlementTakenBack } from "./scenarios/chain.ts";
import { diesBetweenPersistAndSend, leaderDies, leaderDiesWithCertificate } from "./scenarios/crashes.ts";
import { oneLosesMessages } from "./scenarios/network.ts";

export const deaths: readonly Fault[] = [
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
];

export const lossAndReorgs: readonly Fault[] = [
  ["settle in time when every other message to one is lost", [1], ({ fleet }) => oneLosesMessages(fleet)],
  [
    "settle again when a reorg beyond the confirmations drops it",
    [1],
    ({ fleet }) => settlementTakenBack(fleet, 3),
  ],
];
