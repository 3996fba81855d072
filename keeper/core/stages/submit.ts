/** R25: anyone may aggregate a quorum of partial signatures; the leader submits, after two thirds of the turn others may. */
import type { Event } from "../events.ts";
import { bitmap } from "../hash.ts";
import type { MessageOf } from "../messages.ts";
import { quorum } from "../quorum.ts";
import { fallbackBlock, reason, turnKey } from "../state.ts";
import type { Step, TurnState } from "../state.ts";
import { committeeSize } from "../turn.ts";

export function onPartial(step: Step, turn: TurnState, message: MessageOf<"partial">): void {
  const { keeper, body } = message;
  for (const [digest, byKeeper] of turn.partials) {
    const other = byKeeper.get(keeper);
    if (other === undefined || digest === body.digest) continue;
    step.effects.push({ kind: "evidence", first: other, second: message });
    return reason(step, "equivocation", `signature of keeper ${keeper}`);
  }
  const byKeeper = turn.partials.get(body.digest) ?? new Map<number, MessageOf<"partial">>();
  if (byKeeper.has(keeper)) return;
  byKeeper.set(keeper, message);
  turn.partials.set(body.digest, byKeeper);
  turn.progressAt = step.state.head;
}

/** Block from which this keeper may submit: the k-th after the leader waits k−1 blocks more (R25). */
function submitFrom(turn: TurnState, turnBlocks: number): number {
  if (turn.me === turn.leader) return turn.te;
  const n = committeeSize(turn);
  const behind = (turn.order.indexOf(turn.me) - turn.order.indexOf(turn.leader) + n) % n;
  return fallbackBlock(turn.te, turnBlocks) + behind - 1;
}

export function tickSubmit(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  const params = state.group?.params;
  if (turn === undefined || params === undefined) return;
  const from = submitFrom(turn, params.turn);
  if (turn.certificate === undefined) return aggregateWhenDue(step, turn, from);
  if (turn.resubmitAt !== undefined && state.head >= turn.resubmitAt) turn.submitted = false;
  if (turn.submitted || turn.settlement === undefined || state.head < from) return;
  if (state.head + 1 >= turn.te + params.turn) return; // the window closes before the next block
  turn.resubmitAt = undefined;
  turn.submitted = true;
  step.effects.push({
    kind: "submit",
    turn: turn.turn,
    settlement: turn.settlement,
    signers: turn.certificate.signers,
    signature: turn.certificate.signature,
    windowEnd: turn.te + params.turn,
  });
}

function aggregateWhenDue(step: Step, turn: TurnState, from: number): void {
  const { state } = step;
  const digest = state.notes.get(turnKey(turn.ts, turn.turn));
  if (digest === undefined || turn.settlement === undefined || turn.aggregating) return;
  const partials = [...(turn.partials.get(digest) ?? [])].filter(([keeper]) => !turn.badPartials.has(keeper));
  const n = committeeSize(turn);
  if (partials.length < quorum(n)) return;
  turn.quorumAt ??= state.head;
  // The leader gives the last signers one more block: absent ones cost gas. The others only prepare their own time.
  const due = partials.length === n || (turn.me === turn.leader && state.head > turn.quorumAt);
  if (turn.me === turn.leader ? !due : state.head < from - 1) return;
  turn.aggregating = true;
  step.effects.push({
    kind: "aggregate",
    ts: turn.ts,
    turn: turn.turn,
    digest,
    partials: partials
      .map(([keeper, message]) => ({ keeper, signature: message.body.signature }))
      .sort((a, b) => a.keeper - b.keeper),
  });
}

export function onAggregated(step: Step, event: Extract<Event, { kind: "aggregated" }>): void {
  const turn = step.state.turn;
  if (turn === undefined || turn.ts !== event.ts || turn.turn !== event.turn) return;
  turn.aggregating = false;
  for (const { keeper } of event.culprits) {
    turn.badPartials.add(keeper);
    reason(step, "bad-partial", `keeper ${keeper}`);
  }
  if (event.signature === undefined || event.signers.length < quorum(committeeSize(turn))) return;
  turn.certificate = {
    digest: event.digest,
    signers: bitmap(event.signers),
    signature: event.signature,
  };
  turn.progressAt = step.state.head;
}

/** Still in this turn although it was mined: a reorg took it out, so it is sent again. A failure is tried once a block. */
export function onSubmission(step: Step, event: Extract<Event, { kind: "submission" }>): void {
  const { state } = step;
  const turn = state.turn;
  const params = state.group?.params;
  if (turn === undefined || params === undefined || turn.ts !== event.ts || turn.turn !== event.turn) return;
  turn.resubmitAt = event.block === undefined ? state.head + 1 : event.block + params.confirmations + 2;
}
