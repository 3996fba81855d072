/** R19: the leader closes the set of commits and names the audit block. */
import type { CommitteeParams } from "../../../protocol/committee.ts";
import { closedSetHash } from "../../../protocol/messages.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { quorum } from "../../../protocol/quorum.ts";
import { reason, reasonOnce } from "../state.ts";
import { deliveryBlocks, fallbackBlock, phaseTimeout } from "../../../protocol/turns.ts";
import type { CloseState, RoundState, Step, TurnState } from "../state.ts";
import { committeeSize, contradicts, ofLeader } from "../turn.ts";

/** Least blocks from the leader's head to the audit block, so that every keeper has the set before that block exists. */
const minAuditLead = 3;
/** Blocks that reveal, decide and sign need after the audit block is confirmed. */
const auditTail = 4;

/** Head from which a set without all commits may be closed. */
function closeDeadline(round: RoundState, params: CommitteeParams): number {
  return round.announce.body.head + phaseTimeout(params.turn);
}

function latestAuditBlock(turn: TurnState, params: CommitteeParams): number {
  return fallbackBlock(turn.te, params.turn) - params.confirmations - auditTail;
}

/** Closes with all commits, or with a quorum after the timeout. */
export function tickClose(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  const params = state.committee?.params;
  const round = turn?.round;
  if (turn === undefined || params === undefined || round === undefined) return;
  if (!turn.announced || round.closing || round.closes.length > 0) return;
  const n = committeeSize(turn);
  const full = round.commits.size === n;
  const waited = state.head >= closeDeadline(round, params);
  if (!full && !(waited && round.commits.size >= quorum(n))) return;
  round.closing = true;
  const latest = latestAuditBlock(turn, params);
  const wanted = state.head + Math.max(minAuditLead, deliveryBlocks(params.turn) + 1);
  const auditBlock = Math.min(wanted, latest);
  if (auditBlock < state.head + minAuditLead) {
    const detail = `expected an audit block ≤ ${latest}, actual ≥ ${state.head + minAuditLead}`;
    return reason(step, "no-time-to-close", detail);
  }
  const commits = [...round.commits]
    .sort(([a], [b]) => a - b)
    .map(([keeper, { message }]) => ({
      keeper,
      commitment: message.body.commitment,
      signature: message.signature,
    }));
  step.effects.push({
    kind: "broadcast",
    body: { kind: "close", round: round.announce.body.round, commits, auditBlock },
  });
}

export function onClose(step: Step, turn: TurnState, round: RoundState, message: MessageOf<"close">): void {
  const { body } = message;
  if (!ofLeader(step, turn, message)) return;
  const n = committeeSize(turn);
  const ordered = body.commits.every(
    (c, i) => c.keeper < n && (i === 0 || c.keeper > (body.commits[i - 1]?.keeper ?? -1)),
  );
  if (!ordered || body.commits.length < quorum(n)) {
    return reason(step, "bad-closed-set", `expected ≥ ${quorum(n)} ascending, actual ${body.commits.length}`);
  }
  const hash = closedSetHash(round.id, body.commits, body.auditBlock);
  // The hash covers no signatures: the same set with other signatures is not a second set.
  if (round.closes.some((close) => close.hash === hash)) return;
  const [known] = round.closes;
  if (known !== undefined) contradicts(step, turn, known.message, message);
  if (round.closes.length > 1) return;
  const close = { message, hash, audit: undefined };
  round.closes.push(close);
  turn.progressAt = step.state.head;
  if (known === undefined) accept(step, turn, round, close);
}

/** R19: accepts the first set if its audit block is within bounds and above every head seen, and if it has the own commit. */
function accept(step: Step, turn: TurnState, round: RoundState, close: CloseState): void {
  const { state } = step;
  const params = state.committee?.params;
  if (params === undefined) return;
  const { auditBlock, commits } = close.message.body;
  const full = commits.length === committeeSize(turn);
  const earliest = full ? 0 : closeDeadline(round, params) + minAuditLead;
  const latest = latestAuditBlock(turn, params);
  if (auditBlock < earliest || auditBlock > latest) {
    round.refused = true;
    const bounds = full ? `≤ ${latest}` : `${earliest} to ${latest}`;
    return reason(step, "bad-audit-block", `expected ${bounds}, actual ${auditBlock}`);
  }
  // An endpoint may show an older head than before. A keeper that saw the audit block once may know the audit.
  const highest = Math.max(state.head, state.storedHead);
  if (highest >= auditBlock) {
    return reason(step, "close-too-late", `audit block ${auditBlock}, highest head ${highest}`);
  }
  const mine = round.commits.get(turn.me)?.message.body.commitment;
  const listed = commits.find((c) => c.keeper === turn.me)?.commitment;
  // A keeper outside the set reveals nothing, but it may still sign (R23).
  if (listed === undefined) return reasonOnce(step, turn, "left-out", "the closed set lacks this keeper");
  if (listed !== mine) return reason(step, "bad-closed-set", "own commit differs from the one listed");
  round.accepted = close;
}

/** R19: a keeper that the set omits although this keeper had passed on its commit in time. */
export function omittedFromSet(
  round: RoundState,
  close: CloseState,
  params: CommitteeParams,
): number | undefined {
  const last = round.announce.body.head + deliveryBlocks(params.turn) - 1;
  const listed = new Set(close.message.body.commits.map((c) => c.keeper));
  for (const [keeper, { passedOnAt }] of round.commits) {
    if (passedOnAt <= last && !listed.has(keeper)) return keeper;
  }
  return undefined;
}

/** R19: a keeper of the set that the bundle omits although this keeper had counted and passed on its reveal in time. */
export function omittedFromBundle(
  round: RoundState,
  close: CloseState,
  bundle: MessageOf<"bundle">,
  params: CommitteeParams,
): number | undefined {
  const last = close.message.body.auditBlock + params.confirmations + deliveryBlocks(params.turn) - 1;
  const listed = new Set(bundle.body.reveals.map((r) => r.keeper));
  for (const { message, passedOnAt, countedAt } of round.reveals.values()) {
    const inTime = countedAt !== undefined && Math.max(countedAt, passedOnAt) <= last;
    if (inTime && message.body.closedSet === close.hash && !listed.has(message.keeper)) return message.keeper;
  }
  return undefined;
}
