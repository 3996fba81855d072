/** R19: the leader closes the set of commits and names the block that will choose the audit. */
import { closedSetHash } from "../messages.ts";
import type { MessageOf } from "../messages.ts";
import { quorum } from "../quorum.ts";
import { fallbackBlock, phaseTimeout, reason } from "../state.ts";
import type { RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, latestRound } from "../turn.ts";

/** Blocks between the leader's head and the audit block, so that every keeper holds the set before it exists. */
export const auditLead = 3;
/** Blocks that reveal, decide and sign need after the audit block is confirmed. */
const auditTail = 4;

function latestAuditBlock(step: Step, turn: TurnState): number {
  const params = step.state.group?.params;
  if (params === undefined) return -1;
  return fallbackBlock(turn.te, params.turn) - params.confirmations - auditTail;
}

/** Closes with all commits, or with a quorum after the timeout. */
export function tickClose(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  if (turn === undefined || turn.leader !== turn.me || state.group === undefined) return;
  const round = latestRound(turn);
  if (round === undefined || round.closing || round.closes.length > 0) return;
  const n = committeeSize(turn);
  const { silent } = round.propose.body;
  const commits = [...round.commits.values()].filter((c) => !silent.includes(c.keeper));
  const waited = state.head >= round.startedAt + phaseTimeout(state.group.params.turn);
  if (commits.length < n - silent.length && !(waited && commits.length >= quorum(n))) return;
  const auditBlock = state.head + auditLead;
  if (auditBlock > latestAuditBlock(step, turn)) {
    round.closing = true;
    return reason(
      step,
      "no-time-to-close",
      `expected an audit block ≤ ${latestAuditBlock(step, turn)}, actual ${auditBlock}`,
    );
  }
  round.closing = true;
  const entries = commits
    .sort((a, b) => a.keeper - b.keeper)
    .map((c) => ({ keeper: c.keeper, commitment: c.body.commitment, signature: c.signature }));
  step.effects.push({
    kind: "broadcast",
    body: { kind: "close", round: round.propose.body.round, commits: entries, auditBlock },
  });
}

export function onClose(step: Step, turn: TurnState, round: RoundState, message: MessageOf<"close">): void {
  const { body } = message;
  if (message.keeper !== turn.leader) {
    return reason(step, "not-the-leader", `close of keeper ${message.keeper}, leader ${turn.leader}`);
  }
  const n = committeeSize(turn);
  const { silent } = round.propose.body;
  const ordered = body.commits.every(
    (c, i) =>
      c.keeper < n &&
      !silent.includes(c.keeper) &&
      (i === 0 || c.keeper > (body.commits[i - 1]?.keeper ?? -1)),
  );
  if (!ordered || body.commits.length < quorum(n)) {
    return reason(step, "bad-closed-set", `expected ≥ ${quorum(n)} ascending, actual ${body.commits.length}`);
  }
  const hash = closedSetHash(round.id, body.commits, body.auditBlock);
  const known = round.closes[0];
  if (round.closes.some((close) => close.hash === hash)) return;
  if (known !== undefined) {
    step.effects.push({ kind: "evidence", first: known.message, second: message });
    reason(step, "equivocation", `closed set of keeper ${message.keeper}`);
    if (round.closes.length > 1) return;
  }
  const close = { message, hash, audit: undefined };
  round.closes.push(close);
  turn.progressAt = step.state.head;
  if (round.accepted === undefined && known === undefined) accept(step, turn, round, close);
}

/** R19: only while this keeper's own unconfirmed head is below the audit block, and with its own commit inside. */
function accept(step: Step, turn: TurnState, round: RoundState, close: RoundState["closes"][number]): void {
  const { auditBlock, commits } = close.message.body;
  if (step.state.head >= auditBlock) {
    return reason(step, "close-too-late", `audit block ${auditBlock}, head ${step.state.head}`);
  }
  if (auditBlock > latestAuditBlock(step, turn)) {
    return reason(
      step,
      "bad-audit-block",
      `expected ≤ ${latestAuditBlock(step, turn)}, actual ${auditBlock}`,
    );
  }
  const mine = round.commits.get(turn.me)?.body.commitment;
  const listed = commits.find((c) => c.keeper === turn.me)?.commitment;
  // Nothing to reveal then, but the bundle can still be checked.
  if (listed === undefined)
    return reason(step, "left-out", `closed set of attempt ${round.propose.body.round.attempt}`);
  if (listed !== mine) return reason(step, "bad-closed-set", "own commit differs from the one listed");
  round.accepted = close;
}
