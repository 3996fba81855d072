/** Messages find their stage; those ahead of this keeper's view wait in a bounded buffer (R26). */
import type { Message, MessageOf, RoundBody } from "./messages.ts";
import { onHello } from "./liveness.ts";
import { reason } from "./state.ts";
import type { Step, TurnState } from "./state.ts";
import { onClose } from "./stages/close.ts";
import { onCommit } from "./stages/commit.ts";
import { onBundle } from "./stages/decide.ts";
import { attemptDue, onPropose } from "./stages/propose.ts";
import { onReveal } from "./stages/reveal.ts";
import { onProposal } from "./stages/sign.ts";
import { onPartial } from "./stages/submit.ts";
import { placeOf, roundOf } from "./turn.ts";

const maxEarlyMessages = 32;
const maxEarlyBytes = 512 * 1024;

export function receive(step: Step, message: Message): void {
  const { body } = message;
  if (body.kind === "hello") return onHello(step, message as MessageOf<"hello">);
  const place = message.committee === body.round.committee ? placeOf(step, body.round) : "wrong";
  if (place === "early") return keepEarly(step, message);
  if (place === "stale") return reason(step, "message-stale", `${body.kind} of keeper ${message.keeper}`);
  if (place === "wrong") return reason(step, "wrong-round", `${body.kind} of keeper ${message.keeper}`);
  const turn = step.state.turn;
  if (turn === undefined) return;
  dispatch(step, turn, message as Message<RoundBody>);
}

function dispatch(step: Step, turn: TurnState, message: Message<RoundBody>): void {
  const { body } = message;
  if (body.kind === "propose") {
    if (!attemptDue(step, turn, message as MessageOf<"propose">)) return keepEarly(step, message);
    const known = turn.rounds.size;
    onPropose(step, turn, message as MessageOf<"propose">);
    if (turn.rounds.size > known) drainEarly(step);
    return;
  }
  if (body.kind === "partial") return onPartial(step, turn, message as MessageOf<"partial">);
  const round = roundOf(step, body);
  if (round === undefined) return keepEarly(step, message); // its proposal has not come yet
  switch (body.kind) {
    case "commit":
      return onCommit(step, turn, round, message as MessageOf<"commit">);
    case "close":
      return onClose(step, turn, round, message as MessageOf<"close">);
    case "reveal":
      return onReveal(step, turn, round, message as MessageOf<"reveal">);
    case "bundle":
      return onBundle(step, turn, round, message as MessageOf<"bundle">);
    case "proposal":
      return onProposal(step, turn, round, message as MessageOf<"proposal">);
  }
}

function keepEarly(step: Step, message: Message): void {
  const { early } = step.state;
  const queue = early.get(message.keeper) ?? [];
  if (queue.some((m) => m.hash === message.hash)) return;
  queue.push(message);
  early.set(message.keeper, queue);
  let bytes = queue.reduce((sum, m) => sum + m.bytes.length, 0);
  while (queue.length > maxEarlyMessages || bytes > maxEarlyBytes) {
    bytes -= queue.shift()?.bytes.length ?? 0;
    reason(step, "early-overflow", `keeper ${message.keeper}`);
  }
}

/** Tries every waiting message again; what is still early waits on. */
export function drainEarly(step: Step): void {
  const { early } = step.state;
  if (early.size === 0) return;
  const waiting = [...early.values()].flat();
  early.clear();
  for (const message of waiting) receive(step, message);
}
