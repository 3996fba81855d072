/** What providers proved of what they were committed to, as the last settlement and the keepers' records say it. */
import type { Provider } from "ethers";
import { GroupView, type DataCheckpoint, type GroupParameters, type ProviderAccount } from "./group-view.ts";
import { decodeSettleInput } from "./settlements.ts";
import { groupEvents } from "./watch.ts";

export type SettledShare = {
  readonly provider: number;
  /** Paid for and committed over the interval, in byte·blocks. */
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

/** Of the last settlement; undefined before the first, and where it was sent by no plain call of `settle`. */
export async function lastSettledShares(
  provider: Provider,
  group: string,
): Promise<SettledShares | undefined> {
  const view = new GroupView(provider, group);
  const [past, parameters, state, accounts, head] = await Promise.all([
    view.pastSettlements(),
    view.parameters(),
    view.state(),
    view.providers(),
    provider.getBlockNumber(),
  ]);
  const last = past.at(-1);
  if (last === undefined) return undefined;
  const { ts, te } = last;
  // R29: the settlement is inside its window.
  const events = await groupEvents(provider, group, { from: te, to: Math.min(head, te + parameters.turn) });
  const settled = events.find(({ name, args }) => name === "Settled" && args["ts"] === BigInt(ts));
  const sent = settled === undefined ? null : await provider.getTransaction(settled.transaction);
  const input = decodeSettleInput(sent?.data ?? "");
  if (input === undefined) return undefined;
  const end = state.endBlock > 0 ? Math.min(te, state.endBlock) : te;
  const providers = await Promise.all(
    input.items.map(async ({ provider: index, spaceTime }): Promise<SettledShare> => {
      const account = accounts.find((one) => one.index === index);
      const history = await view.dataHistory(index);
      const committed = account === undefined ? spaceTime : committedOver(history, account, [ts, end]);
      // R16: more than what was committed is not paid.
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
  /** Proven. */
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

/** Slots that have ended and count as "of late", beside the present one: all keepers together see a loss of a tenth in one. */
const endedSlots = 2;

export type JoinScope = {
  readonly parameters: Pick<GroupParameters, "originBlock" | "slot">;
  readonly settledThrough: number;
  readonly head: number;
};

/** First slot of late, of the interval, and the present one. */
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

/** Joins what several keepers recorded; what was committed in a slot is what the chain says. */
export function joinRecords(
  records: readonly JoinedRecord[],
  scope: JoinScope,
  histories: ReadonlyMap<number, readonly DataCheckpoint[]>,
): JoinedShares[] {
  const { originBlock, slot: length } = scope.parameters;
  const slots = joinedSlots(scope);
  return [...histories].map(([provider, history]) => {
    const committed = (slot: number): bigint =>
      history.findLast(({ fromBlock }) => fromBlock <= originBlock + slot * length)?.bytes ?? 0n;
    const own = records.filter((record) => record.provider === provider && committed(record.slot) > 0n);
    const from = (first: number): JoinedShare =>
      shareOf(
        own.filter(({ slot }) => slot >= first),
        committed,
      );
    return { provider, late: from(slots.late), interval: from(slots.interval) };
  });
}
