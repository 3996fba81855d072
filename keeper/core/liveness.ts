/** Liveness: hellos, and questions for missed messages. */
import type { Hex } from "../../protocol/hash.ts";
import type { Signed } from "./effects.ts";
import type { Event } from "./events.ts";
import { rememberedHash } from "../../protocol/certificate.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { faultBound } from "../../protocol/quorum.ts";
import { dutyIndex, memberIndex, slotAt } from "../../protocol/committee.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import { reason, turnKey, viewOf } from "./state.ts";
import { fallbackBlock } from "../../protocol/turns.ts";
import type { KeeperState, Step, TurnState } from "./state.ts";
import { committeeSize } from "./turn.ts";

/**
 * Sends a hello on the first head of every slot and on the first head after a start. One head later the hellos of the others should
 * have arrived, and one keeper is asked for missing hellos: gossip delivers to no peer the messages of its own peer key, so only
 * another keeper can report a second instance (D9).
 */
export function tickHello(step: Step): void {
  const { state, config } = step;
  const { committee } = state;
  if (committee === undefined || dutyIndex(committee.version, config.me) < 0) return;
  const slot = slotAt(committee.params, state.head);
  if (isListening(state, committee) || state.asksForHellos) askForHellos(step, committee);
  state.asksForHellos = state.helloSlot !== slot;
  if (!state.asksForHellos) return;
  state.helloSlot = slot;
  step.effects.push({
    kind: "broadcast",
    body: { kind: "hello", instance: config.instance, head: state.head, speaks: config.speaks },
  });
}

/** Last block of the first slot after a start. A second instance that runs has sent a hello by then (D9). */
function firstSlotEnd(state: KeeperState, committee: CommitteeSnapshot): number {
  return (state.startHead ?? state.head) + committee.params.slot;
}

/**
 * D9: a second instance sends one hello a slot. After its start a keeper signs nothing until one slot is over and f+1 other keepers,
 * at least one of them honest, have answered a later question without such a hello.
 */
export function isListening(state: KeeperState, committee: CommitteeSnapshot): boolean {
  if (state.head <= firstSlotEnd(state, committee) + 1) return true;
  return state.vouched.size <= faultBound(committee.version.members.length);
}

export function onPulled(step: Step, event: Extract<Event, { kind: "pulled" }>): void {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined || event.askedAt <= firstSlotEnd(state, committee)) return;
  if (isListening(state, committee)) state.vouched.add(event.keeper);
}

/**
 * Rotate whom we ask: one fixed Byzantine peer could hide a second instance of us, and one fixed peer that is down could keep us from
 * signing for ever. Rotate by the count of questions: heads and slots may skip numbers.
 */
function askForHellos(step: Step, committee: CommitteeSnapshot): void {
  const { state, config } = step;
  const n = committee.version.members.length;
  const me = memberIndex(committee.version, config.me);
  const keeper = (me + 1 + (state.hellosAsked++ % (n - 1))) % n;
  // No turn has the number 0, so the answer contains hellos only.
  step.effects.push({ kind: "pull", keeper, askedAt: state.head, ts: committee.ts, turn: 0 });
}

/** Keeps the newest hello of each of the last two processes with the sender's key. */
function rememberHello(state: KeeperState, message: MessageOf<"hello">): void {
  const known = state.hellos.get(message.keeper) ?? [];
  const { instance, head } = message.body;
  if (known.some((m) => m.body.instance === instance && m.body.head >= head)) return;
  const others = known.filter((m) => m.body.instance !== instance);
  state.hellos.set(message.keeper, [...others.slice(-1), message]);
}

/** D9: detects a hello with this keeper's key from another process, of a head newer than this process's start. */
export function onHello(step: Step, message: MessageOf<"hello">): void {
  const { state, config } = step;
  const { committee } = state;
  rememberHello(state, message);
  if (committee === undefined || state.startHead === undefined || state.secondInstance) return;
  const mine = memberIndex(committee.version, config.me);
  if (message.keeper !== mine || message.body.instance === config.instance) return;
  if (message.body.head <= state.startHead) return; // sent by this keeper before its restart
  state.secondInstance = true;
  reason(
    step,
    "second-instance",
    `hello at head ${message.body.head}, this process started at ${state.startHead}`,
  );
}

/**
 * Gossip may lose messages, and a restarted keeper has received none. After a block without progress this keeper asks one keeper for
 * the messages of the turn: one question a block, alternating between the leader and the others.
 */
export function tickPull(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  if (turn === undefined || turn.certificate !== undefined || state.head <= turn.progressAt + 1) return;
  if (!missesSomething(state, turn)) return;
  step.effects.push({
    kind: "pull",
    keeper: nextKeeperToAsk(turn),
    askedAt: state.head,
    ts: turn.ts,
    turn: turn.turn,
  });
}

/**
 * A follower alternates between the leader and the others. The leader alternates between the keepers that it has not heard, some of
 * which may be Byzantine and never answer, and the keepers that it has heard, which may hold more messages. Rotates by the count of
 * questions, not of blocks.
 */
function nextKeeperToAsk(turn: TurnState): number {
  const n = committeeSize(turn);
  const question = turn.asked++;
  const pair = Math.floor(question / 2);
  const others = Array.from({ length: n - 1 }, (_, i) => (turn.me + 1 + i) % n);
  const among = (keepers: readonly number[]): number => keepers[pair % keepers.length] as number;
  if (turn.me !== turn.leader) return question % 2 === 0 ? turn.leader : among(others);
  const missing = unheard(turn);
  const heard = others.filter((keeper) => !missing.includes(keeper));
  const asked = question % 2 === 0 ? missing : heard;
  return among(asked.length === 0 ? others : asked);
}

/** Keepers whose commit has not arrived; after the close: keepers whose reveal has not arrived. */
function unheard(turn: TurnState): number[] {
  const { round } = turn;
  const close = round?.closes[0];
  const heard =
    close === undefined
      ? new Set(round?.commits.keys())
      : new Set([...(round?.reveals.values() ?? [])].map(({ message }) => message.keeper));
  const all = close?.message.body.commits.map(({ keeper }) => keeper) ?? [...turn.order];
  return all.filter((keeper) => keeper !== turn.me && !heard.has(keeper));
}

function missesSomething(state: KeeperState, turn: TurnState): boolean {
  const params = state.committee?.params;
  if (params === undefined) return false;
  const signed = state.notes.has(turnKey(turn.ts, turn.turn)) && turn.signed !== undefined;
  if (signed && turn.me !== turn.leader) {
    // A follower needs the other signatures only shortly before it may submit in the leader's place.
    return state.head >= fallbackBlock(turn.te, params.turn) - 2;
  }
  const close = turn.round?.accepted;
  // In the block that confirms the audit block the reveals are still in transit; asking then would fetch each twice.
  return close === undefined || viewOf(state) > close.message.body.auditBlock;
}

/** All messages of a turn that this keeper can serve, oldest phase first. */
export function turnMessages(state: KeeperState, ts: number, turnNumber: number): Message[] {
  const turn = state.turn;
  const messages: Message[] = [...state.hellos.values()].flat();
  if (turn === undefined || turn.ts !== ts || turn.turn !== turnNumber) return messages;
  const { round } = turn;
  if (round !== undefined) {
    messages.push(round.announce, ...[...round.commits.values()].map(({ message }) => message));
    messages.push(...round.closes.map((c) => c.message));
    for (const reveal of round.reveals.values()) messages.push(reveal.message);
    if (round.bundle !== undefined) messages.push(round.bundle);
    if (round.proposal !== undefined) messages.push(round.proposal);
  }
  for (const byKeeper of turn.partials.values()) messages.push(...byKeeper.values());
  return messages;
}

/** The certificate that a committee remembers under this hash, if this keeper keeps it (R29). */
export function certificateOf(state: KeeperState, hash: Hex): Signed | undefined {
  return [...state.certificates.values()].find(({ certificate }) => rememberedHash(certificate) === hash);
}

/** The record tree with this root, if this keeper committed to it; serves an exchange (R24). */
export function treeOf(state: KeeperState, root: Hex): NonNullable<TurnState["tree"]> | undefined {
  const tree = state.turn?.tree;
  return tree?.root === root ? tree : undefined;
}
