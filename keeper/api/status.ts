/** What the keeper says of itself: one document for people, pages and scripts. */
import { wireVersion } from "../codec/message.ts";
import { memberIndex } from "../core/group.ts";
import { settlementsLeft } from "../core/fees.ts";
import type { GroupSnapshot } from "../core/group.ts";
import type { Hex } from "../core/hash.ts";
import { faultBound, quorum } from "../core/quorum.ts";
import type { KeeperState } from "../core/state.ts";
import { viewOf } from "../core/state.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "../core/turns.ts";
import type { BooksPort } from "../ports/ledger.ts";
import type { Keeper } from "../runtime/keeper.ts";
import type { Surroundings } from "./monitor.ts";
import { phaseOf, roundOf } from "./round.ts";
import type { GroupStatus, KeeperStatus, TurnPlan } from "./schemas.ts";

const plannedTurns = 4;
/** No news of the chain for so long, and the keeper is not ready. */
const staleHead_s = 60;

export type StatusSource = {
  readonly keeper: Keeper;
  readonly books: BooksPort;
  readonly surroundings: () => Surroundings;
  readonly operator: Hex;
  readonly peerId: string;
  readonly groups: readonly Hex[];
  readonly startedAt_ms: number;
  readonly now_ms: () => number;
};

/** The present turn and those after it: who leads, when, and which blocks its window has (R5, R6). */
function planOf(snapshot: GroupSnapshot, view: number, block_s: number | undefined): TurnPlan[] {
  const operators = snapshot.committee.members.map((member) => member.operator);
  const order = turnOrder(snapshot.ts, snapshot.committee.seed, operators);
  const first = Math.max(1, turnAt(view, snapshot.ts, snapshot.params));
  return Array.from({ length: plannedTurns }, (_, i) => {
    const turn = first + i;
    const { from, to } = turnWindow(snapshot.ts, snapshot.params, turn);
    const keeper = leaderOf(order, turn);
    const inBlocks = Math.max(0, from - view);
    return {
      turn,
      keeper,
      operator: operators[keeper] ?? "",
      fromBlock: from,
      toBlock: to,
      inBlocks,
      inSeconds: block_s === undefined ? null : Math.round(inBlocks * block_s),
    };
  });
}

/** What a keeper said last of the wire versions that it understands. Releases before the second said nothing. */
function spokenBy(state: KeeperState, keeper: number): number | null {
  const last = state.hellos.get(keeper)?.at(-1);
  return last === undefined ? null : last.body.speaks;
}

function committeeOf(
  snapshot: GroupSnapshot,
  state: KeeperState,
  source: StatusSource,
): Pick<GroupStatus, "committee" | "connected" | "quorum"> {
  const { members } = snapshot.committee;
  const { latencies_ms } = source.surroundings();
  const committee = members.map(({ operator }, index) => {
    const me = operator === source.operator;
    const connected = me || source.keeper.connected.includes(operator);
    // What was measured before it went away says nothing.
    const latency_ms = connected ? (latencies_ms.get(operator) ?? null) : null;
    const speaks = me ? wireVersion : spokenBy(state, index);
    return { index, operator, me, connected, latency_ms, speaks };
  });
  const connected = committee.filter((member) => member.connected).length;
  return { committee, connected, quorum: quorum(members.length) };
}

function moneyOf(group: Hex, head: number, now: Surroundings): GroupStatus["money"] {
  const funds = now.funds.get(group);
  if (funds === undefined) return null;
  const left = funds.fundedUntil - BigInt(head);
  const blocks = left > 0n ? Number(left) : 0;
  const { address, symbol, decimals } = funds.token;
  return {
    token: { address: address ?? null, symbol, decimals: decimals ?? null },
    unallocated: funds.unallocated.toString(),
    arrears: funds.arrears.toString(),
    fundedUntilBlock: funds.fundedUntil.toString(),
    runway_s: now.block_s === undefined ? null : Math.min(Math.round(blocks * now.block_s), 1e12),
  };
}

function providersOf(snapshot: GroupSnapshot, state: KeeperState): GroupStatus["providers"] {
  return snapshot.providers.map(({ index, operator, history }) => {
    const records = [...(state.records.get(index)?.values() ?? [])].sort((a, b) => b.slot - a.slot);
    const last = records[0];
    return {
      index,
      operator,
      committedBytes: (history.at(-1)?.bytes ?? 0n).toString(),
      lastSlot: last?.slot ?? null,
      lastOutcome:
        last === undefined ? null : last.outcome.kind === "proven" ? "proven" : last.outcome.reason,
      lastBytes: last?.outcome.kind === "proven" ? last.outcome.bytes.toString() : null,
    };
  });
}

async function challengesOf(group: Hex, { books }: StatusSource): Promise<GroupStatus["challenges"]> {
  const { bytesProven, bytesCommitted, ...counts } = await books.challengeCounts(group);
  return { ...counts, bytesProven: bytesProven.toString(), bytesCommitted: bytesCommitted.toString() };
}

async function groupStatus(group: Hex, source: StatusSource): Promise<GroupStatus | undefined> {
  const state = source.keeper.stateOf(group);
  const snapshot = state?.group;
  if (state === undefined || snapshot === undefined) return undefined;
  const now = source.surroundings();
  const { params, ts, committee } = snapshot;
  const view = viewOf(state);
  const turn = turnAt(view, ts, params);
  const next = planOf(snapshot, view, now.block_s);
  const order = turnOrder(
    ts,
    committee.seed,
    committee.members.map(({ operator }) => operator),
  );
  const f = faultBound(committee.members.length);
  return {
    group,
    ts,
    view,
    turn,
    leader: next[0]?.keeper ?? 0,
    phase: phaseOf(state.turn),
    round: roundOf(state),
    failed: turn === 0 ? [] : failedLeaders(order, turn, f),
    seat: memberIndex(committee, source.operator),
    params: { ...params, price: params.price.toString() },
    next,
    ...committeeOf(snapshot, state, source),
    providers: providersOf(snapshot, state),
    challenges: await challengesOf(group, source),
    money: moneyOf(group, state.head, now),
    bookedThrough: now.bookedThrough.get(group) ?? null,
    overdue_s:
      turn === 0 || now.block_s === undefined ? 0 : Math.round((view - ts - params.interval) * now.block_s),
    secondInstance: state.secondInstance,
  };
}

/** Why the keeper cannot do its work now; empty: it can. */
export function problemsOf(source: StatusSource): string[] {
  const now = source.surroundings();
  const problems: string[] = [];
  const { head } = now;
  if (head === undefined) problems.push("no block of the chain has been seen yet: check the RPC endpoints");
  else if (source.now_ms() / 1000 - head.timestamp_s > staleHead_s && now.block_s === undefined) {
    problems.push("the chain has not moved since the start: check the RPC endpoints");
  }
  for (const group of source.groups) {
    const state = source.keeper.stateOf(group);
    const snapshot = state?.group;
    if (state === undefined || snapshot === undefined) {
      problems.push(`group ${group} has not been read yet`);
      continue;
    }
    if (memberIndex(snapshot.committee, source.operator) < 0 && snapshot.pending === undefined) {
      problems.push(`group ${group}: this keeper has no seat in the committee`);
    }
    if (state.secondInstance) {
      problems.push(
        `group ${group}: another process uses this keeper's key; stop one of them, restart the other`,
      );
    }
    const { connected, quorum: needed } = committeeOf(snapshot, state, source);
    if (connected < needed) {
      problems.push(`group ${group}: ${connected} keepers are connected, expected ${needed} or more`);
    }
  }
  return problems;
}

/** How many settlements the operator can still pay, of the group where they cost most, at the fees of the recent blocks. */
function fundsOf({ operator }: Surroundings, groups: readonly GroupStatus[]): KeeperStatus["funds"] {
  if (operator === undefined) return null;
  const { balance, market, l1Fee } = operator;
  const sizes = groups.map(({ committee, providers }) => [committee.length, providers.length] as const);
  const left = (sizes.length === 0 ? [[4, 1] as const] : sizes).map((size) =>
    settlementsLeft(operator, ...size),
  );
  return {
    balance: balance.toString(),
    gasPrice: (market.base + market.tip).toString(),
    l1Fee: l1Fee.toString(),
    transactionsLeft: Number(left.reduce((least, one) => (one < least ? one : least))),
  };
}

export async function statusOf(source: StatusSource): Promise<KeeperStatus> {
  const now = source.surroundings();
  const states = source.groups.map((group) => source.keeper.stateOf(group));
  const found = await Promise.all(source.groups.map((group) => groupStatus(group, source)));
  const groups = found.filter((group) => group !== undefined);
  const problems = problemsOf(source);
  return {
    operator: source.operator,
    peerId: source.peerId,
    startedAt_ms: Math.round(source.startedAt_ms),
    ready: problems.length === 0,
    problems,
    head: Math.max(-1, ...states.map((state) => state?.head ?? -1)),
    view: Math.max(-1, ...states.map((state) => (state === undefined ? -1 : viewOf(state)))),
    headTime_s: now.head?.timestamp_s ?? null,
    block_s: now.block_s ?? null,
    clock:
      now.clock === undefined
        ? null
        : { offset_ms: now.clock.offset_ms, uncertainty_ms: now.clock.uncertainty_ms },
    diskFreeBytes: now.diskFreeBytes ?? null,
    funds: fundsOf(now, groups),
    peers: source.keeper.connected.length,
    groups,
  };
}
