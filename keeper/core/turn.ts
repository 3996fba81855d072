/** Turns (R5–R7): entering and leaving a turn, its round, and checks that every agreement stage uses. */
import type { Message, MessageOf, RoundKey } from "../../protocol/messages.ts";
import { roundId } from "../../protocol/messages.ts";
import { dutyIndex } from "../../protocol/committee.ts";
import type { CommitteeParams, CommitteeSnapshot, ScopeSource } from "../../protocol/committee.ts";
import { scopeOf } from "../../protocol/scope.ts";
import type { Scope } from "../../protocol/scope.ts";
import type { Hex } from "../../protocol/hash.ts";
import { faultBound } from "../../protocol/quorum.ts";
import { reason, viewOf } from "./state.ts";
import type { HandIn, KeeperState, RoundState, Step, TurnState } from "./state.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "../../protocol/turns.ts";

/** Enters the turn of the present view and leaves the one before. */
export function updateTurn(step: Step): void {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined || state.head < 0) return;
  const number = turnAt(viewOf(state), committee.ts, committee.params);
  const old = state.turn;
  if (old !== undefined && old.ts === committee.ts && old.turn === number) return;
  if (old !== undefined) leaveTurn(step, old, committee.ts, number);
  state.turn = turnBeforeReorg(state, committee.ts, number) ?? newTurn(step, committee, number);
}

function leaveTurn(step: Step, old: TurnState, ts: number, number: number): void {
  if (old.ts === ts && number > old.turn) {
    reason(step, "turn-missed", `ts ${old.ts}, turn ${old.turn}, leader ${old.leader}`);
  }
  if (old.ts < ts) step.state.certifiedTurn = old;
}

/** The turn that a removed certificate brings back. The certificate is submitted again. */
function turnBeforeReorg({ certifiedTurn }: KeeperState, ts: number, number: number): TurnState | undefined {
  if (certifiedTurn === undefined || certifiedTurn.ts !== ts || certifiedTurn.turn !== number)
    return undefined;
  certifiedTurn.submission.sent = false;
  certifiedTurn.submission.fee = undefined;
  return certifiedTurn;
}

/** Undefined before the first turn, without duties in the committee, while it is idle (R5: it has no scope), and until the scope is known. */
function newTurn(
  { state, config }: Step,
  committee: CommitteeSnapshot,
  number: number,
): TurnState | undefined {
  const { ts, params, version, scope: source } = committee;
  const me = dutyIndex(version, config.me);
  if (number < 1 || me < 0) return undefined;
  const window = turnWindow(ts, params, number);
  if (source?.te !== window.te) return undefined;
  const operators = version.members.map((member) => member.operator);
  const order = turnOrder(ts, version.seed, operators);
  return {
    ts,
    te: window.te,
    turn: number,
    me,
    order,
    leader: leaderOf(order, number),
    failed: failedLeaders(order, number, faultBound(operators.length)),
    version,
    scope: scopeOfTurn(params, ts, source),
    enteredAt: state.head,
    announced: false,
    contradicted: false,
    tree: undefined,
    round: undefined,
    signed: undefined,
    partials: new Map(),
    badPartials: new Set(),
    quorumAt: undefined,
    aggregating: false,
    certificate: undefined,
    submission: newHandIn(),
    progressAt: state.head,
    asked: 0,
    told: new Set(),
  };
}

const scopes = new WeakMap<ScopeSource, { readonly params: CommitteeParams; readonly scope: Scope }>();

/** A turn begins anew after a reorg, and keepers of one process may read the same snapshot: the scope is derived once. */
function scopeOfTurn(params: CommitteeParams, ts: number, source: ScopeSource): Scope {
  const known = scopes.get(source);
  if (known?.params === params && known.scope.ts === ts) return known.scope;
  const scope = scopeOf(params, ts, source);
  scopes.set(source, { params, scope });
  return scope;
}

export function newHandIn(): HandIn {
  return { fee: undefined, sent: false, resubmitAt: undefined };
}

export function committeeSize(turn: TurnState): number {
  return turn.version.members.length;
}

export function roundKeyOf(turn: TurnState): RoundKey {
  const { ts, te, leader, version } = turn;
  return { ts, te, turn: turn.turn, leader, version: version.version };
}

function roundIdOf(step: Step, key: RoundKey): Hex {
  const { committee } = step.state;
  if (committee === undefined) throw new Error("round id: no committee known yet");
  return roundId(committee.chainId, committee.address, key);
}

/** The round of the present turn if its id is `id`. */
export function roundOf(step: Step, id: Hex): RoundState | undefined {
  const round = step.state.turn?.round;
  return round?.id === id ? round : undefined;
}

/** Whether a round key belongs to the present turn, to a later or earlier one, or to none (D4). */
export function timingOf(step: Step, key: RoundKey): "now" | "early" | "stale" | "wrong" {
  const { state } = step;
  const { committee } = state;
  if (committee === undefined) return "early";
  if (key.ts < committee.ts) return "stale";
  const turn = state.turn;
  if (key.ts > committee.ts || turn === undefined) return "early";
  if (key.turn < turn.turn) return "stale";
  if (key.turn > turn.turn) return "early";
  const matches = key.te === turn.te && key.leader === turn.leader && key.version === turn.version.version;
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
