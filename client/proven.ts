/** The share of committed bytes that providers proved, from the last settlement and from keepers' records. */
import type { Provider } from "ethers";
import { GroupView, type DataCheckpoint, type GroupParameters, type ProviderAccount } from "./group-view.ts";
import { findSettlement } from "./find-settlement.ts";

export type SettledShare = {
  readonly provider: number;
  /** Space-time paid for and committed over the interval, in byte·blocks. */
  readonly proven: bigint;
  readonly committed: bigint;
};

export type SettledShares = {
  readonly ts: number;
  readonly te: number;
  readonly providers: readonly SettledShare[];
};

/** Byte·blocks committed over [from, to). */
function committedOver(
  history: readonly DataCheckpoint[],
  { activeFrom, removedAt }: Pick<ProviderAccount, "activeFrom" | "removedAt">,
  [from, to]: readonly [number, number],
): bigint {
  const first = Math.max(from, activeFrom);
  const last = removedAt > 0 ? Math.min(to, removedAt) : to;
  return history.reduce((sum, { fromBlock, bytes }, i) => {
    const until = Math.min(last, history[i + 1]?.fromBlock ?? last);
    return sum + bytes * BigInt(Math.max(0, until - Math.max(first, fromBlock)));
  }, 0n);
}

/** Shares of the last settlement; undefined before the first one, and if it is not a direct call of `settle`. */
export async function lastSettledShares(
  provider: Provider,
  group: string,
): Promise<SettledShares | undefined> {
  const view = new GroupView(provider, group);
  const [past, parameters, state, accounts] = await Promise.all([
    view.pastSettlements(),
    view.parameters(),
    view.state(),
    view.providers(),
  ]);
  const last = past.at(-1);
  if (last === undefined) return undefined;
  const { ts, te } = last;
  const found = await findSettlement(provider, group, { ts, te, turn: parameters.turn });
  if (found === undefined) return undefined;
  const { input } = found;
  const end = state.endBlock > 0 ? Math.min(te, state.endBlock) : te;
  const providers = await Promise.all(
    input.items.map(async ({ provider: index, spaceTime }): Promise<SettledShare> => {
      const account = accounts.find((one) => one.index === index);
      const history = await view.dataHistory(index);
      const committed = account === undefined ? spaceTime : committedOver(history, account, [ts, end]);
      // R16: pays at most the committed space-time.
      return { provider: index, proven: spaceTime < committed ? spaceTime : committed, committed };
    }),
  );
  return { ts, te, providers };
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
  readonly parameters: Pick<GroupParameters, "originBlock" | "slot">;
  readonly settledThrough: number;
  readonly head: number;
};

/** The first recent slot, the first slot of the interval, and the present slot. */
export function joinedSlots({ parameters, settledThrough, head }: JoinScope): {
  readonly late: number;
  readonly interval: number;
  readonly present: number;
} {
  const slotAt = (block: number): number =>
    Math.max(0, Math.floor((block - parameters.originBlock) / parameters.slot));
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

/** Bytes committed in a block. */
export function committedAt(history: readonly DataCheckpoint[], block: number): bigint {
  return history.findLast(({ fromBlock }) => fromBlock <= block)?.bytes ?? 0n;
}

/** Joins the records of several keepers; the committed bytes of a slot come from the chain. */
export function joinRecords(
  records: readonly JoinedRecord[],
  scope: JoinScope,
  histories: ReadonlyMap<number, readonly DataCheckpoint[]>,
): JoinedShares[] {
  const { originBlock, slot: length } = scope.parameters;
  const slots = joinedSlots(scope);
  return [...histories].map(([provider, history]) => {
    const committed = (slot: number): bigint => committedAt(history, originBlock + slot * length);
    const own = records.filter((record) => record.provider === provider && committed(record.slot) > 0n);
    const from = (first: number): JoinedShare =>
      shareOf(
        own.filter(({ slot }) => slot >= first),
        committed,
      );
    return { provider, late: from(slots.late), interval: from(slots.interval) };
  });
}
