/** The share of committed bytes that providers proved: by the last settlement, and by keepers' records. */
import type { CommitteePage } from "./committee-view.ts";
import { dataAt, type DataChange, type ProviderAccount } from "./group-view.ts";

/** The part that a provider proved of its last settled interval, from the group's state (R34). */
export type SettledShare = {
  readonly provider: number;
  /** Proven and committed space-time, in lowest terms that the contract keeps: 1 and 1 if it proved all. */
  readonly proven: bigint;
  readonly committed: bigint;
};

/** Without providers of whom no block is settled yet. */
export function lastSettledShares(
  providers: readonly ProviderAccount[],
  settledThrough: number,
): SettledShare[] {
  return providers
    .filter(({ closed, activeFrom }) => !closed && activeFrom < settledThrough)
    .map(({ index, proven }) => ({ provider: index, proven: proven.paid, committed: proven.committed }));
}

/** One keeper's record of one challenge. */
export type JoinedRecord = {
  readonly provider: number;
  readonly slot: number;
  readonly failed: boolean;
  /** Bytes proven. */
  readonly bytes: bigint;
};

export type JoinedShare = {
  readonly whole: number;
  readonly partial: number;
  readonly failed: number;
  readonly bytesProven: bigint;
  readonly bytesCommitted: bigint;
};

export type JoinedShares = {
  readonly provider: number;
  readonly late: JoinedShare;
  readonly interval: JoinedShare;
};

/** Ended slots that count as recent, besides the present one. All keepers together detect a loss of 10 % within one slot. */
const endedSlots = 2;

export type JoinScope = {
  /** Origin and slot length of the committee. */
  readonly originBlock: number;
  readonly slot: number;
  readonly settledThrough: number;
  readonly head: number;
};

/** Undefined if no committee serves the group. */
export function joinScope(
  committee: CommitteePage | undefined,
  { settledThrough, head }: { readonly settledThrough: number; readonly head: number },
): JoinScope | undefined {
  if (committee?.originBlock === undefined) return undefined;
  return { originBlock: committee.originBlock, slot: committee.rhythm.slot, settledThrough, head };
}

/** The first recent slot, the first slot of the interval, and the present slot. */
export function joinedSlots({ originBlock, slot, settledThrough, head }: JoinScope): {
  readonly late: number;
  readonly interval: number;
  readonly present: number;
} {
  const slotAt = (block: number): number => Math.max(0, Math.floor((block - originBlock) / slot));
  const present = slotAt(head);
  return { late: Math.max(0, present - endedSlots), interval: slotAt(settledThrough), present };
}

function shareOf(records: readonly JoinedRecord[], committedIn: (slot: number) => bigint): JoinedShare {
  const counts = { whole: 0, partial: 0, failed: 0 };
  let [bytesProven, bytesCommitted] = [0n, 0n];
  for (const { slot, failed, bytes } of records) {
    const committed = committedIn(slot);
    counts[failed ? "failed" : bytes < committed ? "partial" : "whole"]++;
    bytesProven += failed ? 0n : bytes < committed ? bytes : committed;
    bytesCommitted += committed;
  }
  return { ...counts, bytesProven, bytesCommitted };
}

/** Bytes committed in a block at or after settledThrough. */
export function committedAt(data: readonly DataChange[], block: number): bigint {
  return dataAt(data, block)?.bytes ?? 0n;
}

/** Joins the records of several keepers; the committed bytes of a slot come from the chain. */
export function joinRecords(
  records: readonly JoinedRecord[],
  scope: JoinScope,
  data: ReadonlyMap<number, readonly DataChange[]>,
): JoinedShares[] {
  const { originBlock, slot: length, settledThrough } = scope;
  const slots = joinedSlots(scope);
  return [...data].map(([provider, changes]) => {
    // The chain has no data from before settledThrough, where the slot may have begun (R14).
    const committed = (slot: number): bigint =>
      committedAt(changes, Math.max(settledThrough, originBlock + slot * length));
    const own = records.filter((record) => record.provider === provider && committed(record.slot) > 0n);
    const from = (first: number): JoinedShare =>
      shareOf(
        own.filter(({ slot }) => slot >= first),
        committed,
      );
    return { provider, late: from(slots.late), interval: from(slots.interval) };
  });
}
