/** R25: anyone may aggregate a quorum of partial signatures; the leader submits, after two thirds of the turn others may. */
import type { Certified } from "../effects.ts";
import type { Event } from "../events.ts";
import { bitmap } from "../../../protocol/hash.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { quorum } from "../../../protocol/quorum.ts";
import { keepersPay } from "../../../protocol/fees.ts";
import type { Settlement } from "../../../protocol/settlement.ts";
import { reason, reasonOnce, turnKey } from "../state.ts";
import { fallbackBlock } from "../../../protocol/turns.ts";
import type { Step, TurnState } from "../state.ts";
import { committeeSize } from "../turn.ts";

/** Blocks before others may send in which a leader has sent, whatever its own share. */
const leaderSlack = 2;
/** Blocks before the window closes in which a transaction would hardly get in any more. */
const lastSlack = 4;

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
  const certified: Certified = {
    turn: turn.turn,
    settlement: turn.settlement,
    signers: turn.certificate.signers,
    signature: turn.certificate.signature,
    windowEnd: turn.te + params.turn,
  };
  if (turn.fee?.at !== state.head) return askFee(step, turn, certified);
  if (!isWorthIt(step, turn, turn.settlement, turn.fee.amount)) return;
  turn.resubmitAt = undefined;
  turn.submitted = true;
  step.effects.push({ kind: "submit", ...certified });
}

/** Once a head: fees may fall while there is time. */
function askFee(step: Step, turn: TurnState, certified: Certified): void {
  if (turn.fee !== undefined && turn.fee.at === undefined) return;
  turn.fee = { at: undefined, amount: undefined };
  step.effects.push({ kind: "ask-fee", ...certified });
}

/** A slow endpoint's answer holds for the head at which it comes: on a fast chain there may never be one in time. */
export function onFee(step: Step, event: Extract<Event, { kind: "fee" }>): void {
  const turn = step.state.turn;
  if (turn === undefined || turn.ts !== event.ts || turn.turn !== event.turn) return;
  turn.fee = { at: step.state.head, amount: event.amount };
}

/** R25: whether this keeper sends now at such a fee, in token units; one that cannot be compared stops nobody. */
function isWorthIt(step: Step, turn: TurnState, settlement: Settlement, fee: bigint | undefined): boolean {
  const params = step.state.group?.params;
  if (fee === undefined || params === undefined) return true;
  const { whole, each } = keepersPay(settlement, params, committeeSize(turn));
  const leaders = ((settlement.payees >> BigInt(turn.leader)) & 1n) === 1n ? each : 0n;
  if (turn.me === turn.leader) return leaderSends(step, turn, fee, { whole, own: leaders });
  // Another keeper is paid what the leader would have been, unless it has failed itself.
  const gain = turn.failed.includes(turn.me) ? 0n : leaders;
  if (fee <= gain) return true;
  reasonOnce(step, turn, "fee-above-gain", `fee ${fee}, gain ${gain} token units`);
  return false;
}

/**
 * The leader sends at once what its own share pays for. It waits for a lower fee else, but not beyond the last block in which
 * nobody else may send, if all keepers' shares together pay for it: everybody leads one day. If they do not, the interval is
 * rather settled by a later leader, with a longer interval.
 */
function leaderSends(
  step: Step,
  turn: TurnState,
  fee: bigint,
  { whole, own }: { readonly whole: bigint; readonly own: bigint },
): boolean {
  const { head, group } = step.state;
  const blocks = group?.params.turn ?? 0;
  if (turn.told.has("fee-above-share")) return false;
  if (fee <= own || (fee <= whole && head >= fallbackBlock(turn.te, blocks) - leaderSlack)) return true;
  const figures = `fee ${fee}, own share ${own}, all keepers' ${whole} token units`;
  const gaveUp = fee > whole && head >= turn.te + blocks - lastSlack;
  reasonOnce(step, turn, gaveUp ? "fee-above-share" : "fee-high", figures);
  return false;
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
