/** Signs of life, and asking for what was missed. */
import type { Hex } from "../../protocol/hash.ts";
import type { Event } from "./events.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { faultBound } from "../../protocol/quorum.ts";
import { memberIndex, slotAt } from "../../protocol/group.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import { reason, turnKey, viewOf } from "./state.ts";
import { fallbackBlock } from "../../protocol/turns.ts";
import type { KeeperState, Step, TurnState } from "./state.ts";
import { committeeSize } from "./turn.ts";

/**
 * A hello on the first head of every slot, and on the first head after a start. A head later, when those of the others should
 * be there, one keeper is asked for what is missing: gossip brings no peer the messages of its own peer key, so only others
 * can tell a keeper of its double (D9).
 */
export function tickHello(step: Step): void {
  const { state, config } = step;
  const group = state.group;
  if (group === undefined || memberIndex(group.committee, config.me) < 0) return;
  const slot = slotAt(group.params, state.head);
  if (isListening(state, group) || state.asksForHellos) askForHellos(step, group);
  state.asksForHellos = state.helloSlot !== slot;
  if (!state.asksForHellos) return;
  state.helloSlot = slot;
  step.effects.push({
    kind: "broadcast",
    body: { kind: "hello", instance: config.instance, head: state.head, speaks: config.speaks },
  });
}

/** Last block of the first slot after a start: until then a double that runs has said hello (D9). */
function firstSlotEnd(state: KeeperState, group: GroupSnapshot): number {
  return (state.startHead ?? state.head) + group.params.slot;
}

/**
 * D9: a double says hello once a slot. A keeper signs nothing until a slot after its start is over and f+1 others, one of
 * them honest, were asked after it and had no such hello to tell.
 */
export function isListening(state: KeeperState, group: GroupSnapshot): boolean {
  if (state.head <= firstSlotEnd(state, group) + 1) return true;
  return state.vouched.size <= faultBound(group.committee.members.length);
}

export function onPulled(step: Step, event: Extract<Event, { kind: "pulled" }>): void {
  const { state } = step;
  const { group } = state;
  if (group === undefined || event.askedAt <= firstSlotEnd(state, group)) return;
  if (isListening(state, group)) state.vouched.add(event.keeper);
}

/**
 * By turns: were it always the same one, a liar there could hide a double, and one that is down could keep this keeper from signing
 * for ever. Questions are counted: heads and slots may come several at a time, and then some numbers never come.
 */
function askForHellos(step: Step, group: GroupSnapshot): void {
  const { state, config } = step;
  const n = group.committee.members.length;
  const me = memberIndex(group.committee, config.me);
  const keeper = (me + 1 + (state.hellosAsked++ % (n - 1))) % n;
  // There is no turn 0: the answer holds hellos alone.
  step.effects.push({ kind: "pull", keeper, askedAt: state.head, ts: group.ts, turn: 0 });
}

/** Keeps the newest hello of the two processes that spoke last with this keeper's key. */
function rememberHello(state: KeeperState, message: MessageOf<"hello">): void {
  const known = state.hellos.get(message.keeper) ?? [];
  const { instance, head } = message.body;
  if (known.some((m) => m.body.instance === instance && m.body.head >= head)) return;
  const others = known.filter((m) => m.body.instance !== instance);
  state.hellos.set(message.keeper, [...others.slice(-1), message]);
}

/** D9: my own key speaks, but it is not me, and it speaks of a head that is newer than my start. */
export function onHello(step: Step, message: MessageOf<"hello">): void {
  const { state, config } = step;
  const group = state.group;
  rememberHello(state, message);
  if (group === undefined || state.startHead === undefined || state.secondInstance) return;
  const mine = memberIndex(group.committee, config.me);
  if (message.keeper !== mine || message.body.instance === config.instance) return;
  if (message.body.head <= state.startHead) return; // this keeper's own last life
  state.secondInstance = true;
  reason(
    step,
    "second-instance",
    `hello at head ${message.body.head}, this process started at ${state.startHead}`,
  );
}

/**
 * Gossip may lose messages and a restarted keeper has heard nothing: after a block without progress, ask one keeper
 * for the messages of the turn. One question a block, to the leader and the others by turns.
 */
export function tickPull(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  if (turn === undefined || turn.certificate !== undefined || state.head <= turn.progressAt + 1) return;
  if (!missesSomething(state, turn)) return;
  step.effects.push({
    kind: "pull",
    keeper: whomToAsk(turn),
    askedAt: state.head,
    ts: turn.ts,
    turn: turn.turn,
  });
}

/**
 * By turns the one that surely knows and the others: for a follower that is the leader, for the leader whoever is missing.
 * Questions are counted, not blocks; of those that are missing some may be liars that never answer, so in between the leader
 * asks who was heard and may have heard more.
 */
function whomToAsk(turn: TurnState): number {
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

/** Keepers whose commit, or after the close whose reveal, this keeper has not heard. */
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
  const params = state.group?.params;
  if (params === undefined) return false;
  const signed = state.notes.has(turnKey(turn.ts, turn.turn)) && turn.settlement !== undefined;
  if (signed && turn.me !== turn.leader) {
    // Only who may have to submit in the leader's place needs the other signatures.
    return state.head >= fallbackBlock(turn.te, params.turn) - 2;
  }
  const close = turn.round?.accepted;
  // In the block that confirms the audit block reveals are on their way: asked for then, each would come twice.
  return close === undefined || viewOf(state) > close.message.body.auditBlock;
}

/** All messages of a turn that this keeper can hand on, oldest phase first. */
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

/** The tree of records behind a root that this keeper committed to, to serve an exchange (R24). */
export function treeOf(state: KeeperState, root: Hex): NonNullable<TurnState["tree"]> | undefined {
  const tree = state.turn?.tree;
  return tree?.root === root ? tree : undefined;
}
