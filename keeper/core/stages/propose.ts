/** R17: the leader announces a round over every provider active in [ts, te). Scope only, never values. */
import type { MessageOf } from "../messages.ts";
import { faultBound, quorum } from "../quorum.ts";
import { reason, turnKey } from "../state.ts";
import type { RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, latestRound, newRound, roundByKey, roundKeyOf } from "../turn.ts";
import { auditLead } from "./close.ts";
import { sendCommit } from "./commit.ts";
import { revealDeadline } from "./reveal.ts";
import { maySignNew } from "./sign.ts";

/** The leader opens its turn as soon as its view has reached it. */
export function tickPropose(step: Step): void {
  const turn = step.state.turn;
  if (turn === undefined || turn.leader !== turn.me || turn.attempt >= 0) return;
  if (step.state.notes.has(turnKey(turn.ts, turn.turn))) return; // R26: after the note there are no attempts
  if (!maySignNew(step, turn)) return;
  startAttempt(step, turn, 0, []);
}

export function startAttempt(step: Step, turn: TurnState, attempt: number, silent: readonly number[]): void {
  turn.attempt = attempt;
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "propose",
      round: roundKeyOf(turn, attempt),
      providers: turn.scope.map((provider) => provider.index),
      silent,
    },
  });
}

/** The attempt before this one, as far as it was heard of here. */
function attemptBefore(turn: TurnState, attempt: number): RoundState | undefined {
  const latest = latestRound(turn);
  return latest !== undefined && latest.propose.body.round.attempt < attempt ? latest : undefined;
}

/**
 * R26: a further attempt can be due only when the one before had its time; a leader that is a block ahead of this keeper
 * is waited for. Attempts side by side would let the leader choose among their audits.
 */
export function attemptDue(step: Step, turn: TurnState, message: MessageOf<"propose">): boolean {
  const before = attemptBefore(turn, message.body.round.attempt);
  const params = step.state.group?.params;
  if (before === undefined || params === undefined) return true;
  const auditBlock = before.closes[0]?.message.body.auditBlock ?? before.startedAt + auditLead;
  return step.state.head >= revealDeadline(auditBlock, params) - 1;
}

/** A quorum of reveals counted here, early enough for the leader to have counted them too. */
function succeeded(step: Step, turn: TurnState, round: RoundState): boolean {
  const params = step.state.group?.params;
  if (params === undefined) return false;
  return round.closes.some(({ hash, message }) => {
    const inTime = revealDeadline(message.body.auditBlock, params) - 2;
    const keepers = new Set<number>();
    for (const reveal of round.reveals.values()) {
      const counted = reveal.countedAt !== undefined && reveal.countedAt <= inTime;
      if (counted && reveal.message.body.closedSet === hash) keepers.add(reveal.message.keeper);
    }
    return keepers.size >= quorum(committeeSize(turn));
  });
}

export function onPropose(step: Step, turn: TurnState, message: MessageOf<"propose">): void {
  const { body } = message;
  if (message.keeper !== turn.leader) {
    return reason(step, "not-the-leader", `propose of keeper ${message.keeper}, leader ${turn.leader}`);
  }
  const known = roundByKey(turn, body.round)?.propose;
  if (known !== undefined) {
    if (known.hash === message.hash) return;
    step.effects.push({ kind: "evidence", first: known, second: message });
    return reason(step, "equivocation", `propose of keeper ${message.keeper}`);
  }
  const scope = turn.scope.map((provider) => provider.index);
  if (scope.length !== body.providers.length || scope.some((p, i) => p !== body.providers[i])) {
    return reason(step, "scope-mismatch", `expected [${scope.join()}], actual [${body.providers.join()}]`);
  }
  if (!silentHolds(turn, body.round.attempt, body.silent)) {
    return reason(step, "bad-silent-list", `attempt ${body.round.attempt}, silent [${body.silent.join()}]`);
  }
  const latest = latestRound(turn);
  if (latest !== undefined && latest.propose.body.round.attempt > body.round.attempt) {
    return reason(step, "message-stale", `attempt ${body.round.attempt}`);
  }
  const before = attemptBefore(turn, body.round.attempt);
  if (before !== undefined && turn.me !== turn.leader && succeeded(step, turn, before)) {
    return reason(step, "attempt-needless", `attempt ${body.round.attempt}`);
  }
  const round = newRound(step, message);
  turn.rounds.set(round.id, round);
  turn.progressAt = step.state.head;
  if (body.silent.includes(turn.me)) return reason(step, "left-out", `attempt ${body.round.attempt}`);
  sendCommit(step, turn, round);
}

/** R26: the first attempt leaves out nobody; later ones at most f, ascending, never down to less than a quorum. */
function silentHolds(turn: TurnState, attempt: number, silent: readonly number[]): boolean {
  const n = committeeSize(turn);
  if (attempt === 0) return silent.length === 0;
  const ascending = silent.every(
    (keeper, i) => keeper < n && (i === 0 || keeper > (silent[i - 1] as number)),
  );
  return ascending && silent.length <= faultBound(n) && n - silent.length >= quorum(n);
}
