/** R18: every keeper commits to its values and records before it sees those of others. */
import type { OwnValues } from "../effects.ts";
import { keccak, fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { commitmentOf } from "../../../protocol/messages.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { valuesRoot } from "../../../protocol/values.ts";
import { reason, reasonOnce, turnKey } from "../state.ts";
import type { HeardMessage, RoundState, Step, TurnState } from "../state.ts";
import { passOn } from "../pass-on.ts";
import { integrate } from "./integrate.ts";

/** Values and records root of this keeper. They are stored before they are sent, so a restart does not change them. */
export function ownValues(step: Step, turn: TurnState): OwnValues | undefined {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined) return undefined;
  const key = turnKey(turn.ts, turn.turn);
  if (turn.told.has("values-changed")) return undefined;
  if (turn.tree === undefined) {
    const { values, tree } = integrate(step, committee.params, turn.scope);
    const known = state.own.get(key);
    if (known !== undefined && known.recordsRoot !== tree.root) {
      reasonOnce(step, turn, "values-changed", `ts ${turn.ts}, turn ${turn.turn}`);
      return undefined;
    }
    turn.tree = tree;
    if (known === undefined) {
      const own = { ts: turn.ts, turn: turn.turn, values, recordsRoot: tree.root };
      state.own.set(key, own);
      step.effects.push({ kind: "persist", writes: [{ kind: "own", own }] });
    }
  }
  return state.own.get(key);
}

function ownRoot({ values }: OwnValues): Hex {
  return valuesRoot(values.map(({ value }) => value));
}

export function sendCommit(step: Step, turn: TurnState, round: RoundState): void {
  const { state } = step;
  const own = ownValues(step, turn);
  if (own === undefined) return;
  let salt = state.salts.get(round.id)?.salt;
  if (salt === undefined) {
    salt = keccak(fromHex(state.entropy), fromHex(round.id));
    state.salts.set(round.id, { ts: turn.ts, salt });
    step.effects.push({ kind: "persist", writes: [{ kind: "salt", round: round.id, ts: turn.ts, salt }] });
  }
  step.effects.push({
    kind: "broadcast",
    body: {
      kind: "commit",
      round: round.announce.body.round,
      commitment: commitmentOf(round.id, turn.me, ownRoot(own), own.recordsRoot, salt),
    },
  });
}

export function onCommit(
  step: Step,
  turn: TurnState,
  round: RoundState,
  message: MessageOf<"commit">,
  heard: HeardMessage,
): void {
  const known = round.commits.get(message.keeper)?.message;
  if (known === undefined) {
    round.commits.set(message.keeper, { message, passedOnAt: passOn(step, heard) });
    turn.progressAt = step.state.head;
  } else if (known.body.commitment !== message.body.commitment) {
    step.effects.push({ kind: "evidence", first: known, second: message });
    reason(step, "equivocation", `commit of keeper ${message.keeper}`);
  }
}
