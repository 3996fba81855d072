/** R22, R28: from one bundle everyone derives the same values and the same payees. */
import { bitmap } from "../hash.ts";
import { decideValue, lowerMedian } from "../median.ts";
import type { Decision } from "../median.ts";
import type { MessageOf } from "../messages.ts";
import { faultBound, quorum } from "../quorum.ts";
import { reason, turnKey, viewOf } from "../state.ts";
import type { CloseState, Evaluation, RevealState, RoundState, Step, TurnState } from "../state.ts";
import { committeeSize } from "../turn.ts";
import { openingsNeeded } from "./audit.ts";
import { startAttempt } from "./propose.ts";
import { auditBlockHash, bundledReveal, recheck, revealDeadline } from "./reveal.ts";

/** The leader publishes the bundle with all reveals of its closed set, or with a quorum after the timeout. */
export function tickDecide(step: Step): void {
  const turn = step.state.turn;
  if (turn === undefined) return;
  if (turn.leader === turn.me) leadDecide(step, turn);
  for (const round of turn.rounds.values()) {
    if (round.bundle !== undefined && round.evaluation === undefined)
      evaluate(step, turn, round, round.bundle);
  }
}

function leadDecide(step: Step, turn: TurnState): void {
  const rounds = [...turn.rounds.values()];
  if (rounds.some(({ bundling }) => bundling)) return;
  for (const round of rounds) if (leadRound(step, turn, round)) return;
}

/** @returns whether the bundle of this round was published */
function leadRound(step: Step, turn: TurnState, round: RoundState): boolean {
  const { state } = step;
  const [close] = round.closes;
  const params = state.group?.params;
  if (close === undefined || params === undefined) return false;
  const { auditBlock, commits } = close.message.body;
  if (viewOf(state) < auditBlock) return false;
  const counted = countedReveals(round, close);
  const waited = state.head >= revealDeadline(auditBlock, params);
  if (counted.length < commits.length && !waited) return false;
  if (counted.length >= quorum(committeeSize(turn))) {
    round.bundling = true;
    step.effects.push({
      kind: "broadcast",
      body: { kind: "bundle", round: round.propose.body.round, closedSet: close.hash, reveals: counted },
    });
    return true;
  }
  // L1: what was lost on the wires may still come. Others who heard it answer no further attempt, so this one is not forgotten.
  if (!round.givenUp) nextAttempt(step, turn, round, close, counted);
  round.givenUp = true;
  return false;
}

/** One reveal of each keeper that counts here, ascending. */
function countedReveals(
  round: RoundState,
  close: CloseState,
): MessageOf<"bundle">["body"]["reveals"][number][] {
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

/** R26: the next attempt leaves out those who stayed silent, at most f in all; never after the note. */
function nextAttempt(
  step: Step,
  turn: TurnState,
  round: RoundState,
  close: CloseState,
  counted: readonly { readonly keeper: number }[],
): void {
  const { attempt } = round.propose.body.round;
  const f = faultBound(committeeSize(turn));
  if (attempt >= f || step.state.notes.has(turnKey(turn.ts, turn.turn))) return;
  const known = round.propose.body.silent;
  const heard = new Set([...known, ...counted.map(({ keeper }) => keeper)]);
  const silence = (keeper: number): number => silenceOf(round, close, keeper);
  const unheard = turn.order
    .filter((keeper) => !heard.has(keeper))
    .sort((a, b) => silence(b) - silence(a) || a - b);
  const silent = [...known, ...unheard].slice(0, f);
  startAttempt(
    step,
    turn,
    attempt + 1,
    silent.sort((a, b) => a - b),
  );
}

/**
 * How silent one is that revealed nothing which counts: said nothing at all, or committed and then kept back its reveal. Whose
 * commit only came too late for the closed set speaks; without it a further attempt may have no quorum (L1).
 */
function silenceOf(round: RoundState, close: CloseState, keeper: number): number {
  if (!round.commits.has(keeper)) return 2;
  return close.message.body.commits.some((commit) => commit.keeper === keeper) ? 1 : 0;
}

export function onBundle(step: Step, turn: TurnState, round: RoundState, message: MessageOf<"bundle">): void {
  if (message.keeper !== turn.leader) {
    return reason(step, "not-the-leader", `bundle of keeper ${message.keeper}, leader ${turn.leader}`);
  }
  if (round.bundle !== undefined) {
    if (round.bundle.hash === message.hash) return;
    step.effects.push({ kind: "evidence", first: round.bundle, second: message });
    return reason(step, "equivocation", `bundle of keeper ${message.keeper}`);
  }
  const { reveals } = message.body;
  const n = committeeSize(turn);
  const ordered = reveals.every(
    (r, i) => r.keeper < n && (i === 0 || r.keeper > (reveals[i - 1]?.keeper ?? -1)),
  );
  if (!ordered || reveals.length < quorum(n)) {
    return reason(step, "bad-bundle", `expected ≥ ${quorum(n)} ascending reveals, actual ${reveals.length}`);
  }
  round.bundle = message;
  recheck(
    round,
    reveals.map((r) => r.hash),
  );
  round.bundledAt = step.state.head;
  turn.progressAt = step.state.head;
}

/** Waits until every reveal of the bundle is here and counts in this keeper's own check. */
function evaluate(step: Step, turn: TurnState, round: RoundState, bundle: MessageOf<"bundle">): void {
  if (round.refused) return;
  const close = round.closes.find((c) => c.hash === bundle.body.closedSet);
  const blockHash = close === undefined ? undefined : auditBlockHash(step, close);
  if (close === undefined || blockHash === undefined) return;
  const reveals: MessageOf<"reveal">[] = [];
  const opened: number[] = [];
  for (const listed of bundle.body.reveals) {
    const reveal = bundledReveal(round, listed.keeper);
    if (reveal === undefined || reveal.status === "waiting" || reveal.status === "checking") return;
    if (reveal.status === "unchecked") return;
    if (reveal.status === "rejected") {
      round.refused = true;
      return reason(step, "bad-bundle", `reveal of keeper ${listed.keeper} does not count here`);
    }
    reveals.push(reveal.message);
    opened.push(reveal.opened);
  }
  const decisions = decideAll(turn, reveals, step.state.group?.params.toleranceBps ?? 0);
  const disputed = [...decisions].filter(([, d]) => !d.agreed).map(([provider]) => provider);
  const payees = payeesOf(turn, round, close, blockHash, bundle, opened);
  round.evaluation = { decisions, disputed, payees } satisfies Evaluation;
}

function decideAll(
  turn: TurnState,
  reveals: readonly MessageOf<"reveal">[],
  toleranceBps: number,
): Map<number, Decision> {
  const f = faultBound(committeeSize(turn));
  return new Map(
    turn.scope.map((provider, i) => {
      const values = reveals.map((reveal) => reveal.body.values[i]?.value ?? 0n);
      return [provider.index, decideValue(values, f, toleranceBps)];
    }),
  );
}

/** R28: counted keepers that have not failed and opened at least r receipts. */
function payeesOf(
  turn: TurnState,
  round: RoundState,
  close: CloseState,
  blockHash: Parameters<typeof openingsNeeded>[1],
  bundle: MessageOf<"bundle">,
  opened: readonly number[],
): bigint {
  if (close.hash !== bundle.body.closedSet) throw new Error("payees: the bundle is of another closed set");
  const median = Number(lowerMedian(opened.map(BigInt)));
  const needed = openingsNeeded(round.id, blockHash, median);
  const paid = bundle.body.reveals
    .filter((r, i) => (opened[i] ?? 0) >= needed && !turn.failed.includes(r.keeper))
    .map((r) => r.keeper);
  return bitmap(paid);
}
