/**
 * R25: an honest keeper sends in the leader's place from te + ⌈2t/3⌉ on at the earliest, the k-th after the leader k − 1 blocks later.
 * The leader sends a certificate that it held by te + ⌈2t/3⌉ − 2, unless the gas costs more than all keepers get.
 */
import { quorum } from "../../protocol/quorum.ts";
import { during, harmless, keeperIn, liars } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { headOf, heardInRound, lifeAt, shownAt_ms } from "./hearing.ts";
import { addressOfCommittee, indexOfAddress } from "../chain/snapshots.ts";
import { scopeThen } from "./scope.ts";
import { leaders } from "./turns.ts";
import { wordsOfKind } from "./words.ts";

/** Number of positions from the leader to the seat in the order of turns. */
function placesBehind(
  run: Run,
  committee: number,
  version: number,
  ts: number,
  leader: number,
  seat: number,
): number {
  const order = leaders(run, committee, version, ts);
  return (order.indexOf(seat) - order.indexOf(leader) + order.length) % order.length;
}

function othersTooEarly(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster } = run;
  const { turn } = cluster.options.params;
  return cluster.network.witness.sent.flatMap(({ keeper, submission, head }) => {
    const { ts, te, version, leader } = submission.certificate;
    const committee = indexOfAddress(submission.committee);
    const seat = cluster.chain.seatsOf(committee, version).indexOf(keeper);
    // R41: the leader of a later turn hands in what is left of earlier certificates.
    if (submission.kind === "settle" && head >= te + turn) return [];
    if (lying.has(keeper) || seat === leader || seat < 0) return [];
    const from = te + Math.ceil((2 * turn) / 3) + placesBehind(run, committee, version, ts, leader, seat) - 1;
    if (head >= from) return [];
    const text = `keeper ${keeper} sends to committee ${committee} at head ${head} in the place of keeper ${keeperIn(run, committee, version, leader)}, expected from ${from} on`;
    return [{ checker: "R25", block: head, text }];
  });
}

/** Whether a fault of the leader, a reorg or a gas spike around its turn excuses the leader. */
function isExcused(run: Run, leader: number, from: number, to: number): boolean {
  const { slot, turn } = run.cluster.options.params;
  return run.fired.some((one) => {
    const concerns =
      one.keepers.includes(leader) || one.fault.kind === "reorg" || one.fault.kind === "gas-spike";
    return concerns && !harmless.has(one.fault.kind) && during(one, from, to, turn + 2 * slot);
  });
}

/** Leaders that held the signatures of a quorum two heads before their last block, and did not send. */
function leaderTooLate(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster } = run;
  const { turn } = cluster.options.params;
  const enough = quorum(cluster.options.committee);
  return wordsOfKind(run, "proposal").flatMap(({ keeper, process, at_ms, committee, body }) => {
    const { ts, te, turn: number } = body.round;
    const last = te + Math.ceil((2 * turn) / 3) - 2;
    if (lying.has(keeper) || isExcused(run, keeper, te, te + turn)) return [];
    const life = lifeAt(cluster, process, at_ms);
    const due_ms = shownAt_ms(cluster, process, last - 2, life.from_ms);
    const over_ms = shownAt_ms(cluster, process, last + 1, life.from_ms);
    if (over_ms === Infinity || over_ms > life.to_ms) return [];
    const signed = heardInRound(run, { process, at_ms: due_ms, committee }, "partial", body).filter(
      (one) => one.body.digest === body.digest && !lying.has(one.keeper),
    );
    if (new Set(signed.map(({ seat }) => seat)).size < enough) return [];
    const sent = cluster.network.witness.sent.some(
      (one) =>
        one.process === process &&
        one.submission.committee === addressOfCommittee(committee) &&
        one.submission.certificate.ts === ts &&
        one.submission.certificate.te === te &&
        one.head <= last,
    );
    const certified = cluster.chain
      .certifiedOf(committee)
      .some(({ certificate, block }) => certificate.ts === ts && block <= last);
    // An empty scope earns nothing, so the leader need not certify it.
    if (sent || certified || scopeThen(run, committee, ts, te).length === 0) return [];
    const text = `keeper ${keeper} leads turn ${number} of committee ${committee} from ${ts}, holds a quorum of signatures and has sent nothing by head ${last}`;
    return [{ checker: "R25", block: headOf(cluster, process, over_ms), text }];
  });
}

export const sends: Checker = {
  name: "R25",
  check(run) {
    const lying = liars(run);
    return [...othersTooEarly(run, lying), ...leaderTooLate(run, lying)];
  },
};
