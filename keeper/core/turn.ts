/** Turns (R5–R7): entering and leaving a turn, its round, and checks that every agreement stage uses. */
import type { Message, MessageOf, RoundKey } from "../../protocol/messages.ts";
import { roundId } from "../../protocol/messages.ts";
import { activeProviders, memberIndex } from "../../protocol/group.ts";
import type { GroupSnapshot } from "../../protocol/group.ts";
import type { Hex } from "../../protocol/hash.ts";
import { faultBound } from "../../protocol/quorum.ts";
import { reason, viewOf } from "./state.ts";
import type { KeeperState, RoundState, Step, TurnState } from "./state.ts";
import { recordScope } from "./stages/integrate.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "../../protocol/turns.ts";

/** Enters the turn of the present view and leaves the one before. */
export function updateTurn(step: Step): void {
  const { state } = step;
  const group = state.group;
  if (group === undefined || state.head < 0) return;
  const number = turnAt(viewOf(state), group.ts, group.params);
  const old = state.turn;
  if (old !== undefined && old.ts === group.ts && old.turn === number) return;
  if (old !== undefined) leaveTurn(step, old, group.ts, number);
  state.turn = turnBeforeReorg(state, group.ts, number) ?? newTurn(step, group, number);
}

function leaveTurn(step: Step, old: TurnState, ts: number, number: number): void {
  if (old.ts === ts && number > old.turn) {
    reason(step, "turn-missed", `ts ${old.ts}, turn ${old.turn}, leader ${old.leader}`);
  }
  if (old.ts < ts) step.state.settledTurn = old;
}

/** The turn that a removed settlement brings back. Its certificate is submitted again. */
function turnBeforeReorg({ settledTurn }: KeeperState, ts: number, number: number): TurnState | undefined {
  if (settledTurn === undefined || settledTurn.ts !== ts || settledTurn.turn !== number) return undefined;
  settledTurn.submitted = false;
  settledTurn.fee = undefined;
  return settledTurn;
}

/** Undefined before the first turn, after the group's end, and without a seat in the committee. */
function newTurn({ state, config }: Step, group: GroupSnapshot, number: number): TurnState | undefined {
  const me = memberIndex(group.committee, config.me);
  const ended = group.endBlock !== undefined && group.ts >= group.endBlock;
  if (number < 1 || me < 0 || ended) return undefined;
  const operators = group.committee.members.map((member) => member.operator);
  const order = turnOrder(group.ts, group.committee.seed, operators);
  const window = turnWindow(group.ts, group.params, number);
  const scope = activeProviders(group, window.te);
  return {
    ts: group.ts,
    te: window.te,
    turn: number,
    me,
    order,
    leader: leaderOf(order, number),
    failed: failedLeaders(order, number, faultBound(operators.length)),
    committee: group.committee,
    scope,
    enteredAt: state.head,
    recordScope: recordScope(group, scope, group.ts, window.te),
    announced: false,
    contradicted: false,
    tree: undefined,
    round: undefined,
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

export function roundKeyOf(turn: TurnState): RoundKey {
  const { ts, te, leader, committee } = turn;
  return { ts, te, turn: turn.turn, leader, committee: committee.version };
}

export function roundIdOf(step: Step, key: RoundKey): Hex {
  const group = step.state.group;
  if (group === undefined) throw new Error("round id: no group known yet");
  return roundId(group.chainId, group.address, key);
}

/** The round of the present turn if its id is `id`. */
export function roundOf(step: Step, id: Hex): RoundState | undefined {
  const round = step.state.turn?.round;
  return round?.id === id ? round : undefined;
}

/** Whether a round key belongs to the present turn, to a later or earlier one, or to none (D4). */
export function timingOf(step: Step, key: RoundKey): "now" | "early" | "stale" | "wrong" {
  const { state } = step;
  const group = state.group;
  if (group === undefined) return "early";
  if (key.ts < group.ts) return "stale";
  const turn = state.turn;
  if (key.ts > group.ts || turn === undefined) return "early";
  if (key.turn < turn.turn) return "stale";
  if (key.turn > turn.turn) return "early";
  const matches =
    key.te === turn.te && key.leader === turn.leader && key.committee === turn.committee.version;
  return matches ? "now" : "wrong";
}

export function newRound(step: Step, announce: MessageOf<"announce">): RoundState {
  return {
    id: roundIdOf(step, announce.body.round),
    announce,
    commits: new Map(),
    closes: [],
    accepted: undefined,
    closing: false,
    opening: false,
    reveals: new Map(),
    bundle: undefined,
    bundledAt: 0,
    bundling: false,
    evaluation: undefined,
    refused: false,
    proposing: false,
    signed: false,
    proposal: undefined,
    exchange: {
      records: new Map(),
      gathering: false,
      pinned: undefined,
      packing: false,
      pages: undefined,
      askedAt: undefined,
      fetched: false,
    },
  };
}

/**
 * R19: keeps two different messages of the leader as evidence and bars every new signature in the turn.
 * @returns whether `second` differs from `first`
 */
export function contradicts(step: Step, turn: TurnState, first: Message, second: Message): boolean {
  if (first.hash === second.hash) return false;
  turn.contradicted = true;
  step.effects.push({ kind: "evidence", first, second });
  reason(step, "equivocation", `${second.body.kind} of keeper ${second.keeper}`);
  return true;
}

/** @returns whether the sender leads the turn; if not, a reason is reported */
export function ofLeader(step: Step, turn: TurnState, message: Message): boolean {
  if (message.keeper === turn.leader) return true;
  const detail = `${message.body.kind} of keeper ${message.keeper}, leader ${turn.leader}`;
  reason(step, "not-the-leader", detail);
  return false;
}
