/** Dispatches messages to their stages. Messages ahead of this keeper's view wait in a bounded buffer. */
import type { Event } from "./events.ts";
import type { Message, MessageOf, RoundBody } from "../../protocol/messages.ts";
import { onHello } from "./liveness.ts";
import { reason } from "./state.ts";
import type { HeardMessage, Step, TurnState } from "./state.ts";
import { isAhead, onAnnounce } from "./stages/announce.ts";
import { onClose } from "./stages/close.ts";
import { onCommit } from "./stages/commit.ts";
import { onBundle } from "./stages/decide.ts";
import { onReveal } from "./stages/reveal.ts";
import { onProposal } from "./stages/sign.ts";
import { onPartial } from "./stages/submit.ts";
import { timingOf } from "./turn.ts";

const maxEarlyMessages = 32;
const maxEarlyBytes = 512 * 1024;

export function hear(step: Step, { message, way }: Extract<Event, { kind: "message" }>): void {
  receive(step, { message, way, heardAt: step.state.head });
}

function receive(step: Step, heard: HeardMessage): void {
  const { message } = heard;
  const { body } = message;
  if (body.kind === "hello") return onHello(step, message as MessageOf<"hello">);
  const timing = message.version === body.round.version ? timingOf(step, body.round) : "wrong";
  if (timing === "early") return keepEarly(step, heard);
  if (timing === "stale") return reason(step, "message-stale", `${body.kind} of keeper ${message.keeper}`);
  if (timing === "wrong") return reason(step, "wrong-round", `${body.kind} of keeper ${message.keeper}`);
  const turn = step.state.turn;
  if (turn !== undefined) dispatch(step, turn, heard);
}

function dispatch(step: Step, turn: TurnState, heard: HeardMessage): void {
  const message = heard.message as Message<RoundBody>;
  const { kind } = message.body;
  if (kind === "announce") return announce(step, turn, heard, message as MessageOf<"announce">);
  if (kind === "partial") return onPartial(step, turn, message as MessageOf<"partial">);
  const { round } = turn;
  if (round === undefined) return keepEarly(step, heard); // the announcement of the round has not arrived yet
  switch (kind) {
    case "commit":
      return onCommit(step, turn, round, message as MessageOf<"commit">, heard);
    case "close":
      return onClose(step, turn, round, message as MessageOf<"close">);
    case "reveal":
      return onReveal(step, turn, round, message as MessageOf<"reveal">, heard);
    case "bundle":
      return onBundle(step, turn, round, message as MessageOf<"bundle">);
    case "proposal":
      return onProposal(step, turn, round, message as MessageOf<"proposal">);
  }
}

function announce(step: Step, turn: TurnState, heard: HeardMessage, message: MessageOf<"announce">): void {
  if (isAhead(step, message)) return keepEarly(step, heard);
  const known = turn.round;
  onAnnounce(step, turn, message, heard.heardAt);
  if (turn.round !== known) drainEarly(step);
}

function keepEarly(step: Step, heard: HeardMessage): void {
  const { early } = step.state;
  const { keeper, hash } = heard.message;
  const queue = early.get(keeper) ?? [];
  if (queue.some(({ message }) => message.hash === hash)) return;
  queue.push(heard);
  early.set(keeper, queue);
  let bytes = queue.reduce((sum, { message }) => sum + message.bytes.length, 0);
  while (queue.length > maxEarlyMessages || bytes > maxEarlyBytes) {
    bytes -= queue.shift()?.message.bytes.length ?? 0;
    reason(step, "early-overflow", `keeper ${keeper}`);
  }
}

/** Dispatches every waiting message again. A message that is still early goes back into the buffer. */
export function drainEarly(step: Step): void {
  const { early } = step.state;
  if (early.size === 0) return;
  const waiting = [...early.values()].flat();
  early.clear();
  for (const heard of waiting) receive(step, heard);
}
