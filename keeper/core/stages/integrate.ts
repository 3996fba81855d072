/** R14, R15: integrates records into space-time. */
import { membershipWithin, slotAt, slotStart } from "../../../protocol/committee.ts";
import type {
  CommitteeParams,
  CommitteeSnapshot,
  GroupEntry,
  ProviderEntry,
} from "../../../protocol/committee.ts";
import type { ProviderValue } from "../../../protocol/messages.ts";
import { lowerMedian } from "../../../protocol/median.ts";
import { providerKey, providerText, recordTree } from "../../../protocol/records.ts";
import type {
  ChallengeRecord,
  Outcome,
  ProviderName,
  ProviderSlots,
  RecordLeaf,
  RecordTree,
} from "../../../protocol/records.ts";
import { blocksInside, committedChanges } from "../../../protocol/scope.ts";
import type { Scope, ScopeEntry } from "../../../protocol/scope.ts";
import { bySlot, slotBytes, slotRuns, spaceTime } from "../../../protocol/spacetime.ts";
import type { SlotRange, SlotRecord } from "../../../protocol/spacetime.ts";
import { reason } from "../state.ts";
import type { Step } from "../state.ts";

/** `values` and the leaves of `tree` are in the order of the scope. */
export type Integral = { readonly values: readonly ProviderValue[]; readonly tree: RecordTree };

/** A provider of a group with its commitments. */
type Committed = {
  readonly name: ProviderName;
  readonly membership: GroupEntry;
  readonly data: ProviderEntry;
};

/** A record counts only while the slot's first block is still canonical (R13). */
function standing(step: Step, params: CommitteeParams, record: ChallengeRecord): boolean {
  const hash = step.state.hashes.get(slotStart(params, record.slot));
  if (hash === record.blockHash) return true;
  reason(step, "record-not-canonical", `${providerText(record)}, slot ${record.slot}`);
  return false;
}

/**
 * R14 for a keeper that was down when the interval before was certified: the bytes that its records of that interval carry, from the last
 * certificate that it saw. The hashes of such old blocks may be unknown after a start; a record with a wrong hash still does not count.
 */
function carriedInto(step: Step, params: CommitteeParams, one: Committed, toSlot: number): bigint {
  const { state } = step;
  const key = providerKey(one.name);
  const to = slotStart(params, toSlot);
  const seen = Math.max(-1, ...[...state.before.keys()].filter((ts) => ts < to));
  const fromSlot = seen < 0 ? 0 : slotAt(params, seen);
  const records = recordsIn(step, key, fromSlot, toSlot, (record) => {
    const hash = state.hashes.get(slotStart(params, record.slot));
    return hash === undefined || hash === record.blockHash;
  });
  const before = state.before.get(seen)?.get(key) ?? 0n;
  // The chain shows commitments from the last certificate on; the first of them is taken for the time before, too.
  const committed = committedChanges(params, one.membership, one.data).map((c, i) =>
    i === 0 ? { ...c, fromSlot } : c,
  );
  return slotRuns({ fromSlot, toSlot, before, committed, records }).at(-1)?.bytes ?? 0n;
}

type OwnRecord = SlotRecord & { readonly outcome: Outcome };

/** Records of a provider in slots [fromSlot, toSlot) that count, ascending by slot. */
function recordsIn(
  step: Step,
  key: string,
  fromSlot: number,
  toSlot: number,
  counts: (record: ChallengeRecord) => boolean,
): OwnRecord[] {
  const records: OwnRecord[] = [];
  for (const record of step.state.records.get(key)?.values() ?? []) {
    const { slot, outcome } = record;
    if (slot < fromSlot || slot >= toSlot || !counts(record)) continue;
    records.push({ slot, bytes: outcome.kind === "proven" ? outcome.bytes : 0n, outcome });
  }
  return bySlot(records);
}

/** This keeper's records of one provider over slots [fromSlot, toSlot), as a range for R14. */
function ownRange(
  step: Step,
  params: CommitteeParams,
  one: Committed,
  fromSlot: number,
  toSlot: number,
): SlotRange & { readonly records: readonly OwnRecord[] } {
  const key = providerKey(one.name);
  const records = recordsIn(step, key, fromSlot, toSlot, (record) => standing(step, params, record));
  const known = step.state.before.get(slotStart(params, fromSlot));
  const before = known === undefined ? carriedInto(step, params, one, fromSlot) : (known.get(key) ?? 0n);
  const committed = committedChanges(params, one.membership, one.data);
  return { fromSlot, toSlot, before, committed, records };
}

/** This keeper's values and record tree over the scope of a turn. */
export function integrate(step: Step, params: CommitteeParams, scope: Scope): Integral {
  const fromSlot = slotAt(params, scope.ts);
  const toSlot = slotAt(params, scope.te);
  const values: ProviderValue[] = [];
  const leaves: RecordLeaf[] = [];
  for (const [i, entry] of scope.entries.entries()) {
    const { group, provider, membership, data } = entry;
    const one = { name: { group, provider }, membership, data };
    const range = ownRange(step, params, one, fromSlot, toSlot);
    const { records } = range;
    const runs = slotRuns(range);
    values.push({ group, provider, value: spaceTime(runs, blocksInside(params, entry)) });
    const bytes = slotBytes(runs);
    const slots = scope.records.ranges[i] as ProviderSlots;
    let next = 0;
    for (let slot = slots.fromSlot; slot < slots.toSlot; slot++) {
      while ((records[next]?.slot ?? slot) < slot) next++;
      const outcome = records[next]?.slot === slot ? records[next]?.outcome : undefined;
      leaves.push(leafOf(outcome, bytes[slot - fromSlot] ?? 0n));
    }
  }
  return { values, tree: recordTree(scope.records, leaves) };
}

const failedLeaf: RecordLeaf = { kind: "failed" };

function leafOf(outcome: Outcome | undefined, carried: bigint): RecordLeaf {
  if (outcome === undefined) return { kind: "carried", bytes: carried };
  return outcome.kind === "failed" ? failedLeaf : outcome;
}

/** Bytes that count for each provider in the slot before `te`; the next interval carries them (R14). */
export function bytesBefore(
  step: Step,
  { params, groups }: CommitteeSnapshot,
  ts: number,
  te: number,
): ProviderValue[] {
  const fromSlot = slotAt(params, ts);
  const toSlot = slotAt(params, te);
  return groups.flatMap((membership) => {
    const { from, to } = membershipWithin(membership, ts, te);
    if (from >= to) return [];
    return membership.providers.flatMap((data) => {
      const name = { group: membership.number, provider: data.index };
      const range = ownRange(step, params, { name, membership, data }, fromSlot, toSlot);
      const value = slotRuns(range).at(-1)?.bytes ?? 0n;
      return value === 0n ? [] : [{ ...name, value }];
    });
  });
}

/**
 * R24: per slot the lower median over the pinned keepers of the bytes that R14 gives each; the sum is the value.
 * @param pinned for each pinned keeper one leaf for each slot of `slots`
 */
export function integrateExchanged(
  params: CommitteeParams,
  entry: ScopeEntry,
  { fromSlot, toSlot }: ProviderSlots,
  pinned: readonly (readonly RecordLeaf[])[],
): bigint {
  const committed = committedChanges(params, entry.membership, entry.data);
  const perKeeper = pinned.map((leaves) => {
    const records = leaves.flatMap((leaf, i) =>
      leaf.kind === "carried"
        ? []
        : [{ slot: fromSlot + i, bytes: leaf.kind === "proven" ? leaf.bytes : 0n }],
    );
    const first = leaves[0];
    const before = first?.kind === "carried" ? first.bytes : 0n;
    return slotBytes(slotRuns({ fromSlot, toSlot, before, committed, records }));
  });
  const blocks = blocksInside(params, entry);
  let sum = 0n;
  for (let slot = fromSlot; slot < toSlot; slot++) {
    const median = lowerMedian(perKeeper.map((bytes) => bytes[slot - fromSlot] ?? 0n));
    sum += median * BigInt(blocks(slot, slot + 1));
  }
  return sum;
}
