/** Composes the snapshot of a committee from the states of its contracts (R4, R38). */
import { isIdle, membershipWithin } from "../../../protocol/committee.ts";
import type {
  CommitteeParams,
  CommitteeSnapshot,
  DataCheckpoint,
  GroupEntry,
  ProviderEntry,
  Remembered,
  Version,
} from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { OwnConsent } from "../../../protocol/succession.ts";
import { turnAt, turnWindow } from "../../../protocol/turns.ts";
import type { CommitteeState, Membership } from "./committee-events.ts";
import { hasProviders, noDataFrom, settledOrIdle } from "./group-events.ts";
import type { GroupState, ProviderState } from "./group-events.ts";

/** Fixed for a group's life (R4). */
export type GroupTerms = {
  readonly createdAt: number;
  readonly keeperFee: bigint;
  readonly keeperShareBps: number;
};

export type CommitteeAt = {
  readonly chainId: number;
  readonly address: Hex;
  /** The view. */
  readonly block: number;
  readonly params: CommitteeParams;
  readonly version: Version;
  readonly next: Version | undefined;
  /** This keeper's consents in blocks up to the view. */
  readonly ownConsents: readonly OwnConsent[];
  /** The committee after a block. */
  readonly stateAt: (block: number) => CommitteeState | undefined;
  /** A group after a block. */
  readonly groupAt: (group: Hex, block: number) => GroupState | undefined;
  readonly termsOf: (group: Hex) => GroupTerms;
};

/** te of the present turn, once `block` has reached it (R6). */
export function presentTe(params: CommitteeParams, ts: number, block: number): number | undefined {
  if (block < ts + params.interval) return undefined;
  return turnWindow(ts, params, turnAt(block, ts, params)).te;
}

/** @throws Error if the committee is not formed at this block */
export function snapshotOf(at: CommitteeAt): CommitteeSnapshot {
  const { chainId, address, block, params, version, next, ownConsents } = at;
  const state = at.stateAt(block);
  if (state?.originBlock === undefined)
    throw new Error(`committee ${address}: expected formed, actual not at ${block}`);
  const { ts } = state;
  const groups = groupsOf(at, block, ts);
  const snapshot = {
    chainId,
    address,
    block,
    params,
    ts,
    version,
    next,
    groups,
    scope: undefined,
    remembered: openOf(state.remembered, groups),
    succession: { era: state.era, proposals: [...state.proposals.values()], ownConsents },
  };
  const te = isIdle(snapshot) ? undefined : presentTe(params, ts, block);
  return te === undefined ? snapshot : { ...snapshot, scope: { te, groups: groupsOf(at, te, ts) } };
}

/** Memberships with a block that is neither settled nor credited after `block`, and those that begin ahead. */
function groupsOf(at: CommitteeAt, block: number, ts: number): GroupEntry[] {
  const memberships = at.stateAt(block)?.memberships.values() ?? [];
  const entries: GroupEntry[] = [];
  for (const membership of memberships) {
    const group = at.groupAt(membership.group, block);
    if (group !== undefined && !isOver(membership, group, block))
      entries.push(entryOf(at, membership, group, ts));
  }
  return entries.sort((a, b) => a.number - b.number);
}

/** Whether every block of a membership is settled, credited or without a provider. */
export function isOver({ left }: Membership, group: GroupState, block: number): boolean {
  if (left === undefined) return false;
  return group.settledThrough >= left || (left <= block && !hasProviders(group));
}

/** Entries by the state that they show: most of them stay the same from block to block. */
const entries = new WeakMap<GroupState, Map<string, GroupEntry>>();

function entryOf(at: CommitteeAt, membership: Membership, group: GroupState, ts: number): GroupEntry {
  const { number, group: address, entered, left, ceiling } = membership;
  const known = entries.get(group) ?? new Map<string, GroupEntry>();
  entries.set(group, known);
  const key = [at.address, number, left, ceiling, ts].join("/");
  let entry = known.get(key);
  if (entry === undefined) {
    const { keeperFee, keeperShareBps } = at.termsOf(address);
    const base = Math.max(ts - at.params.slot, entered);
    entry = {
      number,
      address,
      entered,
      left,
      settledThrough: settledOrIdle(group),
      ceiling,
      keeperFee,
      keeperShareBps,
      providers: [...group.providers]
        .sort(([a], [b]) => a - b)
        .flatMap(([index, provider]) => providerOf(index, provider, group, { base, ts }) ?? []),
    };
    known.set(key, entry);
  }
  return entry;
}

type From = {
  /** First block of which the data are shown. */
  readonly base: number;
  readonly ts: number;
};

/** Undefined: no commitment in a block from ts on. */
function providerOf(
  index: number,
  { operator, history }: ProviderState,
  { endBlock }: GroupState,
  { base, ts }: From,
): ProviderEntry | undefined {
  const ending = endBlock === undefined ? history : endedAt(history, endBlock);
  const shown = ending.slice(
    Math.max(
      ending.findLastIndex(({ fromBlock }) => fromBlock <= base),
      0,
    ),
  );
  const committed = shown.some(
    ({ bytes }, i) => bytes > 0n && (shown[i + 1]?.fromBlock ?? Number.POSITIVE_INFINITY) > ts,
  );
  return committed ? { index, operator, history: shown } : undefined;
}

/** R33: after a terminate nothing is committed from the end on. */
function endedAt(history: readonly DataCheckpoint[], endBlock: number): DataCheckpoint[] {
  const before = history.filter(({ fromBlock }) => fromBlock < endBlock);
  return before.at(-1)?.bytes === 0n ? before : [...before, noDataFrom(endBlock)];
}

/** Certificates of which a group is not settled through its part (R29). */
function openOf(remembered: readonly Remembered[], groups: readonly GroupEntry[]): Remembered[] {
  const least = Math.min(...groups.map(({ settledThrough }) => settledThrough));
  return remembered.filter(
    ({ ts, te }) =>
      te > least &&
      groups.some((group) => {
        const { from, to } = membershipWithin(group, ts, te);
        return from < to && group.settledThrough < to;
      }),
  );
}
