/** R17: the leader announces the round over every (group, provider) in scope. An announcement has a scope and no values. */
import { counted } from "../../../protocol/counted.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { reason, turnKey } from "../state.ts";
import { deliveryBlocks } from "../../../protocol/turns.ts";
import type { Step, TurnState } from "../state.ts";
import { contradicts, newRound, ofLeader, roundKeyOf } from "../turn.ts";
import { sendCommit } from "./commit.ts";
import { maySignNew } from "./sign.ts";

/** The leader announces as soon as its view has reached the turn. */
export function tickAnnounce(step: Step): void {
  const { state } = step;
  const turn = state.turn;
  if (turn === undefined || turn.leader !== turn.me || turn.announced) return;
  if (state.notes.has(turnKey(turn.ts, turn.turn))) return; // this keeper led the turn before a restart
  if (!maySignNew(step, turn)) return;
  turn.announced = true;
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "announce",
      round: roundKeyOf(turn),
      head: state.head,
      count: turn.scope.entries.length,
      root: turn.scope.root,
    },
  });
}

/** R17: a leader's head may be one block ahead of this keeper's head. A message of a later head waits. */
export function isAhead(step: Step, message: MessageOf<"announce">): boolean {
  return step.state.head < message.body.head - 1;
}

/** @param heardAt head at which the message arrived */
export function onAnnounce(
  step: Step,
  turn: TurnState,
  message: MessageOf<"announce">,
  heardAt: number,
): void {
  const { state } = step;
  const params = state.committee?.params;
  if (params === undefined || !ofLeader(step, turn, message)) return;
  if (turn.round !== undefined) return void contradicts(step, turn, turn.round.announce, message);
  const { head, count, root } = message.body;
  if (head < turn.te + params.confirmations) {
    return reason(step, "bad-announce-head", `expected ≥ ${turn.te + params.confirmations}, actual ${head}`);
  }
  const { scope } = turn;
  if (scope.entries.length !== count || scope.root !== root) {
    const expected = `${counted(scope.entries.length, "provider")} under ${scope.root}`;
    return reason(step, "scope-mismatch", `expected ${expected}, actual ${count} under ${root}`);
  }
  turn.round = newRound(step, message);
  turn.progressAt = state.head;
  const last = head + deliveryBlocks(params.turn);
  if (heardAt > last) {
    return reason(step, "announce-too-late", `expected a head ≤ ${last}, actual ${heardAt}`);
  }
  sendCommit(step, turn, turn.round);
}
