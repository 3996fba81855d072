/** R22, R28: all keepers derive the same values and the same payees from one bundle. */
import { bitmap } from "../../../protocol/bitmap.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { decideValue, lowerMedian } from "../../../protocol/median.ts";
import type { Decision } from "../../../protocol/median.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { faultBound, quorum } from "../../../protocol/quorum.ts";
import { reason, viewOf } from "../state.ts";
import { deliveryBlocks } from "../../../protocol/turns.ts";
import type { CloseState, RevealState, RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, contradicts, ofLeader } from "../turn.ts";
import { openingsNeeded } from "./audit.ts";
import { omittedFromBundle, omittedFromSet } from "./close.ts";
import { fittingDisputes } from "./exchange.ts";
import { auditOf, bundledReveal, revealDeadline } from "./reveal.ts";

/** The leader publishes the bundle with all reveals of its closed set, or with a quorum of them after the timeout. */
export function tickDecide(step: Step): void {
  const turn = step.state.turn;
  const round = turn?.round;
  if (turn === undefined || round === undefined) return;
  if (turn.announced) leadDecide(step, turn, round);
  if (round.bundle !== undefined && round.evaluation === undefined) {
    evaluate(step, turn, round, round.bundle);
  }
}

/** R26: with less than a quorum the leader collects reveals until the window closes. */
function leadDecide(step: Step, turn: TurnState, round: RoundState): void {
  const { state } = step;
  const [close] = round.closes;
  const params = state.committee?.params;
  if (close === undefined || params === undefined || round.bundling) return;
  const { auditBlock, commits } = close.message.body;
  if (viewOf(state) < auditBlock) return;
  const counted = countedReveals(round, close);
  if (counted.length < commits.length && state.head < revealDeadline(auditBlock, params)) return;
  // A reveal under check may have arrived in time. A bundle without it would lose the turn (R19).
  const checking = [...round.reveals.values()].some(({ status }) => status === "checking");
  if (counted.length < commits.length && checking) return;
  if (counted.length < quorum(committeeSize(turn))) return;
  round.bundling = true;
  step.effects.push({
    kind: "broadcast",
    body: { kind: "bundle", round: round.announce.body.round, closedSet: close.hash, reveals: counted },
  });
}

/** One counted reveal of each keeper, ascending by keeper. */
function countedReveals(round: RoundState, close: CloseState): MessageOf<"bundle">["body"]["reveals"] {
  const byKeeper = new Map<number, RevealState>();
  for (const reveal of round.reveals.values()) {
    const { keeper, body } = reveal.message;
    if (reveal.status === "counted" && body.closedSet === close.hash && !byKeeper.has(keeper)) {
      byKeeper.set(keeper, reveal);
    }
  }
  return [...byKeeper]
    .map(([keeper, r]) => ({ keeper, hash: r.message.hash }))
    .sort((a, b) => a.keeper - b.keeper);
}

export function onBundle(step: Step, turn: TurnState, round: RoundState, message: MessageOf<"bundle">): void {
  if (!ofLeader(step, turn, message)) return;
  if (round.bundle !== undefined) return void contradicts(step, turn, round.bundle, message);
  const { reveals } = message.body;
  const n = committeeSize(turn);
  const ordered = reveals.every(
    (r, i) => r.keeper < n && (i === 0 || r.keeper > (reveals[i - 1]?.keeper ?? -1)),
  );
  if (!ordered || reveals.length < quorum(n)) {
    return reason(step, "bad-bundle", `expected ≥ ${quorum(n)} ascending reveals, actual ${reveals.length}`);
  }
  round.bundle = message;
  round.bundledAt = step.state.head;
  turn.progressAt = step.state.head;
}

/** Decides as soon as this keeper has counted every reveal of the bundle. */
function evaluate(step: Step, turn: TurnState, round: RoundState, bundle: MessageOf<"bundle">): void {
  if (round.refused) return;
  const close = round.closes.find((c) => c.hash === bundle.body.closedSet);
  const audit = close === undefined ? undefined : auditOf(step, turn, close);
  if (close === undefined || audit === undefined || !mayOmit(step, close, bundle)) return;
  const counted: RevealState[] = [];
  for (const listed of bundle.body.reveals) {
    const reveal = bundledReveal(round, listed.keeper);
    if (reveal?.status === "rejected") {
      round.refused = true;
      return reason(step, "bad-bundle", `reveal of keeper ${listed.keeper} does not count here`);
    }
    if (reveal?.status !== "counted") return;
    counted.push(reveal);
  }
  if (leavesOut(step, round, close, bundle)) return;
  const decisions = decideAll(turn, counted, step.state.committee?.params.toleranceBps ?? 0);
  const disputed = decisions.flatMap(({ agreed }, position) => (agreed ? [] : [position]));
  const fitting = fittingDisputes(turn.scope, disputed, counted.length);
  round.evaluation = { decisions, disputed, fitting, payees: payeesOf(turn, audit.seed, counted) };
}

/** A bundle without all reveals of its set is judged after the last head at which a reveal is in time (R19). */
function mayOmit({ state }: Step, close: CloseState, bundle: MessageOf<"bundle">): boolean {
  const { auditBlock, commits } = close.message.body;
  const params = state.committee?.params;
  if (params === undefined) return false;
  if (bundle.body.reveals.length >= commits.length) return true;
  return state.head >= auditBlock + params.confirmations + deliveryBlocks(params.turn);
}

/** R19: a keeper that had passed on a commit or reveal in time does not sign if the leader omits it. */
function leavesOut(step: Step, round: RoundState, close: CloseState, bundle: MessageOf<"bundle">): boolean {
  const params = step.state.committee?.params;
  if (params === undefined) return true;
  const unset = omittedFromSet(round, close, params);
  const unbundled = omittedFromBundle(round, close, bundle, params);
  if (unset === undefined && unbundled === undefined) return false;
  round.refused = true;
  const what = unset === undefined ? `the bundle lacks the reveal of keeper ${unbundled}` : undefined;
  reason(step, "keeper-left-out", what ?? `the closed set lacks the commit of keeper ${unset}`);
  return true;
}

function decideAll(turn: TurnState, reveals: readonly RevealState[], toleranceBps: number): Decision[] {
  const f = faultBound(committeeSize(turn));
  return turn.scope.entries.map((_, i) =>
    decideValue(
      reveals.map(({ values }) => values?.[i] ?? 0n),
      f,
      toleranceBps,
    ),
  );
}

/** R28: pays the keepers that have not failed and have opened enough receipts. */
function payeesOf(turn: TurnState, auditSeed: Hex, reveals: readonly RevealState[]): bigint {
  const median = lowerMedian(reveals.map(({ opened }) => BigInt(opened)));
  const needed = openingsNeeded(auditSeed, Number(median));
  const paid = reveals.filter(
    ({ opened, message }) => opened >= needed && !turn.failed.includes(message.keeper),
  );
  return bitmap(paid.map(({ message }) => message.keeper));
}
