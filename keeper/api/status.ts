/** The status document, for the command line, the dashboard and scripts. */
import { wireVersion } from "../../protocol/codec/message.ts";
import { memberIndex } from "../../protocol/committee.ts";
import { certificatesLeft, largestOf } from "../../protocol/funds.ts";
import type { Certifying } from "../../protocol/funds.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { faultBound, quorum } from "../../protocol/quorum.ts";
import type { KeeperState } from "../core/state.ts";
import { viewOf } from "../core/state.ts";
import { failedLeaders, leaderOf, turnAt, turnOrder, turnWindow } from "../../protocol/turns.ts";
import { stoppedText } from "../../daemon/chain/pace.ts";
import type { BooksPort, Earned } from "../ports/ledger.ts";
import type { Keeper } from "../runtime/keeper.ts";
import { isDiskLow } from "./disk.ts";
import type { Surroundings } from "./monitor.ts";
import { moneyOf } from "./money.ts";
import { phaseOf, roundOf } from "./round.ts";
import type { CommitteeStatus, GroupStatus, KeeperStatus, ShareDocument, TurnPlan } from "./schemas.ts";
import { newest, providerShares, sumOfShares } from "./shares.ts";
import type { ProviderShares, RecordedShare } from "./shares.ts";
import { certifyingOf, followedBy, servedBy } from "./served.ts";
import type { Followed, KeeperView, Served } from "./served.ts";
import { counted } from "../../protocol/counted.ts";

const plannedTurns = 4;

export type StatusSource = {
  readonly keeper: KeeperView & Pick<Keeper, "connected">;
  readonly books: BooksPort;
  readonly surroundings: () => Surroundings;
  /** By address of a committee or a group, the reason why it cannot be read from the chain now. */
  readonly unreadable: () => ReadonlyMap<Hex, string>;
  readonly operator: Hex;
  readonly peerId: string;
  /** Groups in the ledger. */
  readonly groups: () => readonly Hex[];
  readonly policy: KeeperStatus["policy"];
  readonly startedAt_ms: number;
  readonly now_ms: () => number;
};

/** The current turn and the next ones, with leader, start and window (R5, R6). */
function planOf(snapshot: CommitteeSnapshot, view: number, block_s: number | undefined): TurnPlan[] {
  const operators = snapshot.version.members.map((member) => member.operator);
  const order = turnOrder(snapshot.ts, snapshot.version.seed, operators);
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

/** The newest wire version in the last hello of a keeper. The first release sent no version. */
function spokenBy(state: KeeperState, keeper: number): number | null {
  const last = state.hellos.get(keeper)?.at(-1);
  return last === undefined ? null : last.body.speaks;
}

function membersOf(
  snapshot: CommitteeSnapshot,
  state: KeeperState,
  source: StatusSource,
): Pick<CommitteeStatus, "members" | "connected" | "quorum"> {
  const { latencies_ms } = source.surroundings();
  const members = snapshot.version.members.map(({ operator }, index) => {
    const me = operator === source.operator;
    const connected = me || source.keeper.connected.includes(operator);
    // A latency measured before the connection was lost is out of date.
    const latency_ms = connected ? (latencies_ms.get(operator) ?? null) : null;
    const speaks = me ? wireVersion : spokenBy(state, index);
    return { index, operator, me, connected, latency_ms, speaks };
  });
  const connected = members.filter((member) => member.connected).length;
  return { members, connected, quorum: quorum(members.length) };
}

function shareDocument({ bytesProven, bytesCommitted, ...rest }: RecordedShare): ShareDocument {
  return { ...rest, bytesProven: bytesProven.toString(), bytesCommitted: bytesCommitted.toString() };
}

function provenOf(all: readonly ProviderShares[]): GroupStatus["proven"] {
  return {
    late: shareDocument(sumOfShares(all.map(({ late }) => late))),
    interval: shareDocument(sumOfShares(all.map(({ interval }) => interval))),
  };
}

function providersOf({ group, state }: Served, shares: readonly ProviderShares[]): GroupStatus["providers"] {
  return group.providers.map(({ index, operator, history }, i) => {
    const { late, interval } = shares[i] as ProviderShares;
    const [last] = newest(state, { group: group.number, provider: index }, 1);
    return {
      index,
      operator,
      committedBytes: (history.at(-1)?.bytes ?? 0n).toString(),
      price: (history.at(-1)?.price ?? 0n).toString(),
      lastSlot: last?.slot ?? null,
      lastOutcome:
        last === undefined ? null : last.outcome.kind === "proven" ? "proven" : last.outcome.reason,
      lastBytes: last?.outcome.kind === "proven" ? last.outcome.bytes.toString() : null,
      late: shareDocument(late),
      interval: shareDocument(interval),
    };
  });
}

function earnedOf(earned: Earned | undefined): GroupStatus["earned"] {
  if (earned === undefined) return null;
  return { total: earned.total.toString(), last: earned.last.toString(), payments: earned.payments };
}

async function challengesOf(group: Hex, { books }: StatusSource): Promise<GroupStatus["challenges"]> {
  const { bytesProven, bytesCommitted, ...counts } = await books.challengeCounts(group);
  return { ...counts, bytesProven: bytesProven.toString(), bytesCommitted: bytesCommitted.toString() };
}

async function groupStatus(served: Served, source: StatusSource): Promise<GroupStatus> {
  const { committee, group: membership, state } = served;
  const { address: group, ceiling, keeperFee, keeperShareBps } = membership;
  const now = source.surroundings();
  const shares = membership.providers.map((entry) => providerShares(served, entry));
  return {
    group,
    committee: committee.address,
    number: membership.number,
    entered: membership.entered,
    left: membership.left ?? null,
    settledThrough: membership.settledThrough,
    terms: { ceiling, keeperFee: keeperFee.toString(), keeperShareBps },
    providers: providersOf(served, shares),
    proven: provenOf(shares),
    challenges: await challengesOf(group, source),
    money: moneyOf(membership, state.head, now),
    earned: earnedOf(now.earned.get(group)),
    bookedThrough: now.bookedThrough.get(group) ?? null,
  };
}

function committeeStatus({ committee: snapshot, state }: Followed, source: StatusSource): CommitteeStatus {
  const { pace } = source.surroundings();
  const { params, ts, version } = snapshot;
  const view = viewOf(state);
  const turn = turnAt(view, ts, params);
  const next = planOf(snapshot, view, pace?.block_s);
  const operators = version.members.map(({ operator }) => operator);
  const order = turnOrder(ts, version.seed, operators);
  return {
    committee: snapshot.address,
    version: version.version,
    ts,
    view,
    turn,
    leader: next[0]?.keeper ?? 0,
    phase: phaseOf(state.turn),
    round: roundOf(state),
    failed: turn === 0 ? [] : failedLeaders(order, turn, faultBound(operators.length)),
    seat: memberIndex(version, source.operator),
    params,
    next,
    ...membersOf(snapshot, state, source),
    groups: snapshot.groups.length,
    overdue_s:
      turn === 0 || pace === undefined ? 0 : Math.round((view - ts - params.interval) * pace.block_s),
    secondInstance: state.secondInstance,
  };
}

export function headAgeOf(
  source: Pick<StatusSource, "surroundings">,
): Pick<KeeperStatus, "headAge_s" | "headAgeLimit_s"> {
  const { age_s, limit_s } = source.surroundings().headLook;
  return { headAge_s: age_s, headAgeLimit_s: limit_s };
}

/** The reasons why the keeper cannot do its work now; empty: it can. */
export function problemsOf(source: StatusSource): string[] {
  const now = source.surroundings();
  const problems: string[] = [];
  const { headLook } = now;
  if (headLook.isOld) {
    problems.push(`${stoppedText(headLook)}; check the endpoints`);
  } else if (headLook.block === undefined) {
    problems.push("no block has been received yet; check the RPC endpoints");
  }
  for (const [address, why] of source.unreadable()) {
    problems.push(`${address} cannot be read from the chain: ${why}`);
  }
  for (const { committee: snapshot, state } of followedBy(source.keeper)) {
    // A committee that this keeper has left needs nothing of it.
    if (memberIndex(snapshot.version, source.operator) < 0) continue;
    const committee = snapshot.address;
    if (state.secondInstance) {
      problems.push(
        `committee ${committee}: another process uses this keeper's key; stop one of them, restart the other`,
      );
    }
    const { connected, quorum: needed } = membersOf(snapshot, state, source);
    if (connected < needed) {
      problems.push(
        `committee ${committee}: ${counted(connected, "keeper")} connected, expected ${needed} or more`,
      );
    }
  }
  return problems;
}

/** The number of certificates whose gas the operator can still pay, in the most expensive committee, at the fees of recent blocks. */
function fundsOf({ operator }: Surroundings, certifying: readonly Certifying[]): KeeperStatus["funds"] {
  if (operator === undefined) return null;
  const { balance, market, l1Fee } = operator;
  return {
    balance: balance.toString(),
    gasPrice: (market.base + market.tip).toString(),
    l1Fee: l1Fee.toString(),
    transactionsLeft: Number(certificatesLeft(operator, largestOf(certifying))),
  };
}

export async function statusOf(source: StatusSource): Promise<KeeperStatus> {
  const now = source.surroundings();
  const states = source.keeper.committees.map((committee) => source.keeper.stateOf(committee));
  const groups = await Promise.all(servedBy(source.keeper).map((served) => groupStatus(served, source)));
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
    ...headAgeOf(source),
    chainStopped: now.headLook.isOld,
    block_s: now.pace?.block_s ?? null,
    measured: now.pace === undefined ? null : { blocks: now.pace.blocks, seconds: now.pace.seconds },
    clock:
      now.clock === undefined
        ? null
        : { offset_ms: now.clock.offset_ms, uncertainty_ms: now.clock.uncertainty_ms },
    diskFreeBytes: now.diskFreeBytes ?? null,
    diskLow: isDiskLow(now.diskFreeBytes),
    funds: fundsOf(now, certifyingOf(source.keeper)),
    peers: source.keeper.connected.length,
    policy: source.policy,
    committees: followedBy(source.keeper).map((followed) => committeeStatus(followed, source)),
    groups,
  };
}
