/** Signs of life, and asking for what was missed. */
import type { Hex } from "./hash.ts";
import type { Message, MessageOf } from "./messages.ts";
import { memberIndex, slotAt } from "./group.ts";
import { fallbackBlock, reason, turnKey, viewOf } from "./state.ts";
import type { KeeperState, Step, TurnState } from "./state.ts";
import { committeeSize, latestRound } from "./turn.ts";

/** A hello on the first head of every slot, and on the first head after a start. */
export function tickHello(step: Step): void {
  const { state, config } = step;
  const group = state.group;
  if (group === undefined || memberIndex(group.committee, config.me) < 0) return;
  const slot = slotAt(group.params, state.head);
  if (state.helloSlot === slot) return;
  state.helloSlot = slot;
  step.effects.push({
    kind: "broadcast",
    body: { kind: "hello", instance: config.instance, head: state.head },
  });
}

/** D9: my own key speaks, but it is not me, and it speaks of a head that is newer than my start. */
export function onHello(step: Step, message: MessageOf<"hello">): void {
  const { state, config } = step;
  const group = state.group;
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
  const n = committeeSize(turn);
  const round = state.head - turn.enteredAt;
  const askLeader = turn.me !== turn.leader && round % 2 === 0;
  const other = (turn.me + 1 + (Math.floor(round / 2) % (n - 1))) % n;
  step.effects.push({
    kind: "pull",
    keeper: askLeader ? turn.leader : other,
    ts: turn.ts,
    turn: turn.turn,
  });
}

function missesSomething(state: KeeperState, turn: TurnState): boolean {
  const params = state.group?.params;
  if (params === undefined) return false;
  const signed = state.notes.has(turnKey(turn.ts, turn.turn)) && turn.settlement !== undefined;
  if (signed && turn.me !== turn.leader) {
    // Only who may have to submit in the leader's place needs the other signatures.
    return state.head >= fallbackBlock(turn.te, params.turn) - 2;
  }
  const close = latestRound(turn)?.accepted;
  return close === undefined || viewOf(state) >= close.message.body.auditBlock;
}

/** All messages of a turn that this keeper can hand on, oldest phase first. */
export function turnMessages(state: KeeperState, ts: number, turnNumber: number): Message[] {
  const turn = state.turn;
  if (turn === undefined || turn.ts !== ts || turn.turn !== turnNumber) return [];
  const messages: Message[] = [];
  for (const round of turn.rounds.values()) {
    messages.push(round.propose, ...round.commits.values(), ...round.closes.map((c) => c.message));
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
