/** The share of the committed bytes that a provider proved to this keeper lately. */
import { dataAt, slotAt, slotStart } from "../../protocol/committee.ts";
import type { CommitteeParams, ProviderEntry } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { providerKey } from "../../protocol/records.ts";
import type { ChallengeRecord, ProviderName } from "../../protocol/records.ts";
import type { KeeperState } from "../core/state.ts";
import type { Served } from "./served.ts";

/** A sample of 16 leaves misses a loss of a tenth with a probability of 19 %; four samples miss it with 0.1 %. */
const lastSlots = 4;

/** Sums over slots with a record. */
export type RecordedShare = {
  readonly whole: number;
  readonly partial: number;
  readonly failed: number;
  readonly bytesProven: bigint;
  readonly bytesCommitted: bigint;
  /** Null: no slot has a record. */
  readonly fromSlot: number | null;
  readonly toSlot: number | null;
};

export type ProviderShares = {
  /** The last slots with a record. */
  readonly late: RecordedShare;
  /** Slots of the open interval. */
  readonly interval: RecordedShare;
};

const nothing: RecordedShare = {
  whole: 0,
  partial: 0,
  failed: 0,
  bytesProven: 0n,
  bytesCommitted: 0n,
  fromSlot: null,
  toSlot: null,
};

function withRecord(
  sum: RecordedShare,
  { slot, outcome }: ChallengeRecord,
  committed: bigint,
): RecordedShare {
  const bytes = outcome.kind === "proven" ? outcome.bytes : 0n;
  // Bytes are capped at the commitment (R14).
  const proven = bytes < committed ? bytes : committed;
  const kind = outcome.kind === "failed" ? "failed" : bytes < committed ? "partial" : "whole";
  return {
    ...sum,
    [kind]: sum[kind] + 1,
    bytesProven: sum.bytesProven + proven,
    bytesCommitted: sum.bytesCommitted + committed,
    fromSlot: Math.min(sum.fromSlot ?? slot, slot),
    toSlot: Math.max(sum.toSlot ?? slot, slot),
  };
}

function shareOf(
  records: readonly ChallengeRecord[],
  provider: ProviderEntry,
  params: CommitteeParams,
): RecordedShare {
  return records.reduce((sum, record) => {
    const committed = dataAt(provider, slotStart(params, record.slot))?.bytes ?? 0n;
    return withRecord(sum, record, committed);
  }, nothing);
}

/** Uses the records in the machine's state: those of the open interval and of the interval before. */
export function providerShares(
  {
    committee: { params, ts },
    group,
    state,
  }: Pick<Served, "committee" | "group"> & {
    readonly state: Pick<KeeperState, "records">;
  },
  provider: ProviderEntry,
): ProviderShares {
  const name = { group: group.number, provider: provider.index };
  const first = slotAt(params, ts);
  const open: ChallengeRecord[] = [];
  for (const record of state.records.get(providerKey(name))?.values() ?? []) {
    if (record.slot >= first) open.push(record);
  }
  return {
    late: shareOf(newest(state, name, lastSlots), provider, params),
    interval: shareOf(open, provider, params),
  };
}

/** The last records, newest first. The status is read every second, so one pass is made instead of a sort. */
export function newest(
  state: Pick<KeeperState, "records">,
  name: ProviderName,
  count: number,
): ChallengeRecord[] {
  const last: ChallengeRecord[] = [];
  for (const record of state.records.get(providerKey(name))?.values() ?? []) {
    const at = last.findIndex(({ slot }) => slot < record.slot);
    if (at >= 0) last.splice(at, 0, record);
    else last.push(record);
    if (last.length > count) last.pop();
  }
  return last;
}

export function sumOfShares(shares: readonly RecordedShare[]): RecordedShare {
  const known = (slots: readonly (number | null)[]): number[] => slots.filter((slot) => slot !== null);
  const from = known(shares.map(({ fromSlot }) => fromSlot));
  const to = known(shares.map(({ toSlot }) => toSlot));
  const add = (a: RecordedShare, b: RecordedShare): RecordedShare => ({
    ...a,
    whole: a.whole + b.whole,
    partial: a.partial + b.partial,
    failed: a.failed + b.failed,
    bytesProven: a.bytesProven + b.bytesProven,
    bytesCommitted: a.bytesCommitted + b.bytesCommitted,
  });
  return {
    ...shares.reduce(add, nothing),
    fromSlot: from.length === 0 ? null : Math.min(...from),
    toSlot: to.length === 0 ? null : Math.max(...to),
  };
}

/** One decimal, rounded down, so that only a whole reads 100. */
function perCent({ bytesProven, bytesCommitted }: RecordedShare): string {
  const tenths = (1_000n * bytesProven) / bytesCommitted;
  return `${tenths / 10n}.${tenths % 10n} %`;
}

export function shareText(share: RecordedShare): string {
  const { whole, partial, failed, fromSlot, toSlot } = share;
  const counts = `${whole} whole, ${partial} partial, ${failed} failed`;
  return `${perCent(share)} of the bytes proven over slots ${fromSlot} to ${toSlot}: ${counts}`;
}

type Standing = "whole" | "partial" | "failed";

function standingOf({ partial, failed, bytesProven }: RecordedShare): Standing {
  if (partial + failed === 0) return "whole";
  return bytesProven === 0n ? "failed" : "partial";
}

export type ShareChange = {
  readonly group: Hex;
  readonly provider: number;
  readonly standing: Standing;
  readonly late: RecordedShare;
};

/** Reports when a provider begins to prove a part of its bytes only, proves none, or proves all again. */
export class ShareWatch {
  readonly #standings = new Map<string, Standing>();

  look(served: Served): ShareChange[] {
    const { committee, group: membership } = served;
    const group = membership.address;
    const prefix = `${committee.address}/${membership.number}/`;
    const present = new Set<string>();
    const changes: ShareChange[] = [];
    for (const entry of membership.providers) {
      const key = `${prefix}${entry.index}`;
      present.add(key);
      const { late } = providerShares(served, entry);
      if (late.bytesCommitted === 0n) continue;
      const standing = standingOf(late);
      // At the start each provider counts as whole, so any other state is reported.
      if (standing !== (this.#standings.get(key) ?? "whole")) {
        changes.push({ group, provider: entry.index, standing, late });
      }
      this.#standings.set(key, standing);
    }
    for (const key of this.#standings.keys()) {
      if (key.startsWith(prefix) && !present.has(key)) this.#standings.delete(key);
    }
    return changes;
  }
}
