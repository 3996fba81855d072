/** Entering, leaving and naming turns (R5–R7): the ground that the agreement stages stand on. */
import type { MessageOf, RoundBody, RoundKey } from "./messages.ts";
import { roundId } from "./messages.ts";
import { activeProviders, memberIndex } from "./group.ts";
import { faultBound } from "./quorum.ts";
import { reason, viewOf } from "./state.ts";
import type { RoundState, Step, TurnState } from "./state.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "./turns.ts";

/** Moves to the turn of the present view; leaves the old one behind. */
export function updateTurn(step: Step): void {
  const { state, config } = step;
  const group = state.group;
  if (group === undefined || state.head < 0) return;
  const number = turnAt(viewOf(state), group.ts, group.params);
  const old = state.turn;
  if (old !== undefined && old.ts === group.ts && old.turn === number) return;
  if (old !== undefined && old.ts === group.ts && number > old.turn) {
    reason(step, "turn-missed", `ts ${old.ts}, turn ${old.turn}, leader ${old.leader}`);
  }
  if (old !== undefined && old.ts < group.ts) state.settledTurn = old;
  state.turn = undefined;
  const again = state.settledTurn;
  if (again !== undefined && again.ts === group.ts && again.turn === number) {
    again.submitted = false;
    again.fee = undefined;
    state.turn = again;
    return;
  }
  const me = memberIndex(group.committee, config.me);
  const ended = group.endBlock !== undefined && group.ts >= group.endBlock;
  if (number < 1 || me < 0 || ended) return;
  const operators = group.committee.members.map((member) => member.operator);
  const order = turnOrder(group.ts, group.committee.seed, operators);
  const window = turnWindow(group.ts, group.params, number);
  state.turn = {
    ts: group.ts,
    te: window.te,
    turn: number,
    me,
    order,
    leader: leaderOf(order, number),
    failed: failedLeaders(order, number, faultBound(operators.length)),
    committee: group.committee,
    scope: activeProviders(group, window.te),
    enteredAt: state.head,
    attempt: -1,
    tree: undefined,
    rounds: new Map(),
    settlement: undefined,
    partials: new Map(),
    badPartials: new Set(),
    quorumAt: undefined,
    aggregating: false,
    certificate: undefined,
    submitted: false,
    fee: undefined,
    resubmitAt: undefined,
    progressAt: state.head,
    asked: 0,
    told: new Set(),
  };
}

export function committeeSize(turn: TurnState): number {
  return turn.committee.members.length;
}

export function roundKeyOf(turn: TurnState, attempt: number): RoundKey {
  return {
    ts: turn.ts,
    te: turn.te,
    turn: turn.turn,
    attempt,
    leader: turn.leader,
    committee: turn.committee.version,
  };
}

export function roundIdOf(step: Step, key: RoundKey): ReturnType<typeof roundId> {
  const group = step.state.group;
  if (group === undefined) throw new Error("round id: no group known yet");
  return roundId(group.chainId, group.address, key);
}

/** The round a message belongs to, or undefined if this keeper has not heard its proposal yet. */
export function roundOf(step: Step, body: RoundBody): RoundState | undefined {
  return step.state.turn === undefined ? undefined : roundByKey(step.state.turn, body.round);
}

/** The round that a key names: its id is the hash of just these fields (R17), so they are compared instead of hashed. */
export function roundByKey(turn: TurnState, key: RoundKey): RoundState | undefined {
  for (const round of turn.rounds.values()) if (sameRound(round.propose.body.round, key)) return round;
  return undefined;
}

function sameRound(a: RoundKey, b: RoundKey): boolean {
  return (
    a.attempt === b.attempt &&
    a.turn === b.turn &&
    a.ts === b.ts &&
    a.te === b.te &&
    a.leader === b.leader &&
    a.committee === b.committee
  );
}

/** How a round key stands to the present turn (D4). */
export function placeOf(step: Step, key: RoundKey): "now" | "early" | "stale" | "wrong" {
  const { state } = step;
  const group = state.group;
  if (group === undefined) return "early";
  if (key.ts < group.ts) return "stale";
  const turn = state.turn;
  if (key.ts > group.ts || turn === undefined) return "early";
  if (key.turn < turn.turn) return "stale";
  if (key.turn > turn.turn) return "early";
  const matches =
    key.te === turn.te &&
    key.leader === turn.leader &&
    key.committee === turn.committee.version &&
    key.attempt <= faultBound(committeeSize(turn));
  return matches ? "now" : "wrong";
}

export function latestRound(turn: TurnState): RoundState | undefined {
  let latest: RoundState | undefined;
  for (const round of turn.rounds.values()) {
    if (latest === undefined || round.propose.body.round.attempt > latest.propose.body.round.attempt) {
      latest = round;
    }
  }
  return latest;
}

export function newRound(step: Step, message: MessageOf<"propose">): RoundState {
  return {
    id: roundIdOf(step, message.body.round),
    propose: message,
    startedAt: step.state.head,
    commits: new Map(),
    closes: [],
    accepted: undefined,
    closing: false,
    opening: false,
    reveals: new Map(),
    bundle: undefined,
    bundledAt: 0,
    bundling: false,
    givenUp: false,
    evaluation: undefined,
    refused: false,
    proposing: false,
    signed: false,
    proposal: undefined,
    exchange: new Map(),
    exchangeAsked: new Map(),
  };
}
