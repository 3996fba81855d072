/** R24: where values disagree, the records themselves decide, checked against the roots of the bundle. */
import type { Event } from "../events.ts";
import { bitmap } from "../hash.ts";
import type { Pinned } from "../messages.ts";
import { quorum } from "../quorum.ts";
import type { RecordLeaf } from "../records.ts";
import type { Settlement } from "../settlement.ts";
import { phaseTimeout, reason } from "../state.ts";
import type { RoundState, Step, TurnState } from "../state.ts";
import { committeeSize } from "../turn.ts";
import { integrateExchanged } from "./integrate.ts";
import { auditScope, bundledReveal } from "./reveal.ts";

/** Asks for the records of every keeper of the bundle about every disputed provider, once. */
export function tickExchange(step: Step): void {
  const turn = step.state.turn;
  if (turn === undefined) return;
  for (const round of turn.rounds.values()) {
    if (round.evaluation === undefined || round.bundle === undefined) continue;
    const owners = round.bundle.body.reveals.map((r) => r.keeper);
    for (const provider of round.evaluation.disputed) {
      for (const owner of owners) fetchRecords(step, turn, round, provider, owner, owners, "bundle");
    }
  }
}

function fetchRecords(
  step: Step,
  turn: TurnState,
  round: RoundState,
  provider: number,
  owner: number,
  holders: readonly number[],
  when: "bundle" | "proposal",
): void {
  if (leavesOf(round, provider, owner) !== undefined) return;
  const root = bundledReveal(round, owner)?.message.body.recordsRoot;
  if (root === undefined || !mayAsk(step, round, provider, owner, when)) return;
  if (owner === turn.me && turn.tree !== undefined) {
    return storeLeaves(round, provider, owner, ownLeaves(turn, provider));
  }
  const others = [owner, ...holders.filter((h) => h !== owner)].filter((h) => h !== turn.me);
  const scope = auditScope(step, turn);
  if (scope === undefined) return;
  step.effects.push({
    kind: "fetch-records",
    round: round.id,
    owner,
    root,
    provider,
    scope,
    holders: others,
  });
}

/**
 * Once for the bundle; what the leader pinned is asked for again, a block later, whenever nobody served it: else one lost
 * connection would cost a signature.
 */
function mayAsk(
  step: Step,
  round: RoundState,
  provider: number,
  owner: number,
  when: "bundle" | "proposal",
): boolean {
  const key = `${when}/${provider}/${owner}`;
  const asked = round.exchangeAsked.get(key);
  const { head } = step.state;
  if (asked !== undefined) {
    const unserved = round.exchange.get(provider)?.has(owner) ?? false;
    if (when === "bundle" || !unserved || asked === head) return false;
    round.exchange.get(provider)?.delete(owner);
  }
  round.exchangeAsked.set(key, head);
  return true;
}

function ownLeaves(turn: TurnState, provider: number): readonly RecordLeaf[] | undefined {
  const tree = turn.tree;
  const position = tree?.providers.indexOf(provider) ?? -1;
  if (tree === undefined || position < 0) return undefined;
  const slots = tree.toSlot - tree.fromSlot;
  return tree.leaves.slice(position * slots, (position + 1) * slots);
}

function storeLeaves(
  round: RoundState,
  provider: number,
  owner: number,
  leaves: readonly RecordLeaf[] | undefined,
): void {
  const byOwner = round.exchange.get(provider) ?? new Map<number, readonly RecordLeaf[] | undefined>();
  byOwner.set(owner, leaves ?? byOwner.get(owner));
  round.exchange.set(provider, byOwner);
}

function leavesOf(round: RoundState, provider: number, owner: number): readonly RecordLeaf[] | undefined {
  return round.exchange.get(provider)?.get(owner);
}

export function onRecords(step: Step, event: Extract<Event, { kind: "records" }>): void {
  const round = step.state.turn?.rounds.get(event.round);
  if (round !== undefined) storeLeaves(round, event.provider, event.owner, event.leaves);
}

/**
 * What the leader pins: per disputed provider the keepers whose records are here, at least a quorum, or none.
 * Undefined while it is worth waiting. A disputed provider never holds up the others beyond the timeout (L3).
 */
export function pinnedByLeader(step: Step, turn: TurnState, round: RoundState): Pinned[] | undefined {
  const { evaluation, bundle } = round;
  const params = step.state.group?.params;
  if (evaluation === undefined || bundle === undefined || params === undefined) return undefined;
  const owners = bundle.body.reveals.map((r) => r.keeper);
  const served = (provider: number): number[] =>
    owners.filter((owner) => leavesOf(round, provider, owner) !== undefined);
  const complete = evaluation.disputed.every((provider) => served(provider).length === owners.length);
  if (!complete && step.state.head < round.bundledAt + phaseTimeout(params.turn)) return undefined;
  return evaluation.disputed.map((provider) => {
    const keepers = served(provider);
    if (keepers.length >= quorum(committeeSize(turn))) return { provider, keepers };
    reason(step, "exchange-incomplete", `provider ${provider}: ${keepers.length} of ${owners.length} served`);
    return { provider, keepers: [] };
  });
}

/** True if `pinned` names exactly the disputed providers, each with none or a quorum of the bundle's keepers. */
export function pinnedHolds(turn: TurnState, round: RoundState, pinned: readonly Pinned[]): boolean {
  const { evaluation, bundle } = round;
  if (evaluation === undefined || bundle === undefined) return false;
  const owners = new Set(bundle.body.reveals.map((r) => r.keeper));
  return (
    pinned.length === evaluation.disputed.length &&
    pinned.every(({ provider, keepers }, i) => {
      if (provider !== evaluation.disputed[i]) return false;
      const ascending = keepers.every((k, j) => owners.has(k) && (j === 0 || k > (keepers[j - 1] as number)));
      return ascending && (keepers.length === 0 || keepers.length >= quorum(committeeSize(turn)));
    })
  );
}

/** R23: the settlement that follows from bundle and pinned records; undefined while records are missing. */
export function settlementOf(
  step: Step,
  turn: TurnState,
  round: RoundState,
  pinned: readonly Pinned[],
): Settlement | undefined {
  const { evaluation, bundle } = round;
  const group = step.state.group;
  if (evaluation === undefined || bundle === undefined || group === undefined) return undefined;
  const holders = bundle.body.reveals.map((r) => r.keeper);
  const exchanged = new Map<number, bigint>();
  let missing = false;
  for (const { provider, keepers } of pinned) {
    const entry = turn.scope.find((p) => p.index === provider);
    const leaves = keepers.map((owner) => leavesOf(round, provider, owner));
    const present = leaves.filter((l) => l !== undefined);
    if (present.length < keepers.length || entry === undefined) {
      missing = true;
      const withLeader = [turn.leader, ...holders.filter((h) => h !== turn.leader)];
      for (const owner of keepers) fetchRecords(step, turn, round, provider, owner, withLeader, "proposal");
    } else if (keepers.length > 0) {
      exchanged.set(provider, integrateExchanged(group, entry, turn.ts, turn.te, present));
    }
  }
  if (missing) return undefined;
  return {
    ts: turn.ts,
    te: turn.te,
    committee: turn.committee.version,
    leader: turn.leader,
    failed: bitmap(turn.failed),
    payees: evaluation.payees,
    items: [...evaluation.decisions].map(([provider, decision]) => ({
      provider,
      spaceTime: exchanged.get(provider) ?? decision.value,
    })),
  };
}
