/**
 * R25: every keeper may aggregate a quorum of partial signatures. The leader submits; after two thirds of the turn others may. As many
 * groups as fit go with the certificate (R41).
 */
import type { Certifying, Signed } from "../effects.ts";
import type { Event, TransactionName } from "../events.ts";
import { bitmap } from "../../../protocol/bitmap.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { quorum } from "../../../protocol/quorum.ts";
import type { CertifiedGroup } from "../../../protocol/certificate.ts";
import type { CommitteeSnapshot } from "../../../protocol/committee.ts";
import { keepersPart } from "../../../protocol/dues.ts";
import { nextRun, standingOf } from "../../../protocol/handing-in.ts";
import { reason, reasonOnce, turnKey } from "../state.ts";
import { fallbackBlock } from "../../../protocol/turns.ts";
import type { HandIn, Step, TurnState } from "../state.ts";
import { committeeSize } from "../turn.ts";
import { askFee, settlingOf } from "./settle.ts";

/** A leader submits at the latest this many blocks before others may, even if its own share is below the fee. */
const leaderSlack = 2;
/** Blocks before the window closes in which a transaction would probably not be mined any more. */
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
  const { turn, committee } = state;
  if (turn === undefined || committee === undefined) return;
  const { params } = committee;
  const from = submitFrom(turn, params.turn);
  const { submission, certificate, signed } = turn;
  if (certificate === undefined) return aggregateWhenDue(step, turn, from);
  if (submission.resubmitAt !== undefined && state.head >= submission.resubmitAt) submission.sent = false;
  if (submission.sent || signed === undefined || state.head < from) return;
  if (state.head + 1 >= turn.te + params.turn) return; // the window closes before the next block
  const transaction: Certifying = {
    kind: "certify",
    turn: turn.turn,
    ...signed,
    run: runOf(committee, signed),
    signers: certificate.signers,
    signature: certificate.signature,
    windowEnd: turn.te + params.turn,
  };
  if (submission.fee?.at !== state.head) return askFee(step, submission, transaction);
  if (!isWorthIt(step, turn, committee, signed, submission.fee.amount)) return;
  submission.resubmitAt = undefined;
  submission.sent = true;
  step.effects.push({ kind: "submit", transaction });
}

/** R41: the groups that go with the certificate. A group that an earlier certificate has to settle first comes later. */
function runOf(
  { groups, version }: CommitteeSnapshot,
  { certificate, groups: signed }: Signed,
): Certifying["run"] {
  const { ts, te } = certificate;
  const byNumber = new Map(groups.map((group) => [group.number, group]));
  const isOpen = ({ number }: CertifiedGroup): boolean => standingOf(byNumber.get(number), ts, te) === "open";
  const n = version.members.length;
  return nextRun(signed, isOpen, { from: 0, n, certifies: true }) ?? { first: 0, length: 0 };
}

/** The answer counts for the head at which it arrives: with a slow endpoint and a fast chain no answer arrives within its head. */
export function onFee(step: Step, event: Extract<Event, { kind: "fee" }>): void {
  const handIn = handInOf(step, event);
  if (handIn !== undefined) handIn.fee = { at: step.state.head, amount: event.amount };
}

function handInOf(step: Step, name: TransactionName): HandIn | undefined {
  if (name.transaction === "settle") return settlingOf(step, name);
  const { turn } = step.state;
  return turn?.ts === name.ts && turn.turn === name.turn ? turn.submission : undefined;
}

/**
 * R25: whether this keeper submits now at this fee, in token units. The certificate opens the pay of all of its groups, so all of them
 * count. An unknown fee does not prevent it.
 */
function isWorthIt(
  step: Step,
  turn: TurnState,
  committee: CommitteeSnapshot,
  signed: Signed,
  fee: bigint | undefined,
): boolean {
  if (fee === undefined) return true;
  const { whole, each } = keepersPay(committee, turn, signed);
  const leaders = ((signed.certificate.payees >> BigInt(turn.leader)) & 1n) === 1n ? each : 0n;
  if (turn.me === turn.leader) return leaderSends(step, turn, fee, { whole, own: leaders });
  // A keeper that submits in the leader's place gets the leader's share, unless it has failed itself.
  const gain = turn.failed.includes(turn.me) ? 0n : leaders;
  if (fee <= gain) return true;
  reasonOnce(step, turn, "fee-above-gain", `fee ${fee}, gain ${gain} token units`);
  return false;
}

/** R30: what all keepers and what one payee earn from all groups of a certificate, if every escrow suffices. */
function keepersPay(
  { groups }: CommitteeSnapshot,
  turn: TurnState,
  { certificate, groups: signed }: Signed,
): { readonly whole: bigint; readonly each: bigint } {
  const divisor = BigInt(committeeSize(turn) - turn.failed.length);
  const byNumber = new Map(groups.map((group) => [group.number, group]));
  let [whole, each] = [0n, 0n];
  for (const group of signed) {
    const membership = byNumber.get(group.number);
    if (membership === undefined) continue;
    const part = keepersPart(membership, group, certificate.ts, certificate.te);
    whole += part;
    each += part / divisor;
  }
  return { whole, each };
}

/**
 * The leader submits at once if its own share covers the fee. Otherwise it waits for a lower fee, at most until shortly before others
 * may submit, and then submits if the shares of all keepers together cover the fee: every keeper leads some turns. If they do not, a
 * later leader settles a longer interval.
 */
function leaderSends(
  step: Step,
  turn: TurnState,
  fee: bigint,
  { whole, own }: { readonly whole: bigint; readonly own: bigint },
): boolean {
  const { head, committee } = step.state;
  const blocks = committee?.params.turn ?? 0;
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
  if (digest === undefined || turn.signed === undefined || turn.aggregating) return;
  const partials = [...(turn.partials.get(digest) ?? [])].filter(([keeper]) => !turn.badPartials.has(keeper));
  const n = committeeSize(turn);
  if (partials.length < quorum(n)) return;
  turn.quorumAt ??= state.head;
  // The leader waits one more block for the last signers, because absent signers cost gas.
  // The others aggregate one block before they may submit.
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

/**
 * Repeats a failed submission at the next head, and a mined certificate if the turn has not ended after its confirmation: a reorg removed
 * it. A mined settlement of which a group is still open was refused by that group, and is repeated a turn later.
 */
export function onSubmission(step: Step, event: Extract<Event, { kind: "submission" }>): void {
  const { head, committee } = step.state;
  const handIn = handInOf(step, event);
  if (handIn === undefined || committee === undefined) return;
  const { confirmations, turn } = committee.params;
  const again = event.transaction === "settle" ? turn : confirmations + 2;
  handIn.resubmitAt = event.block === undefined ? head + 1 : event.block + again;
}
