/** R14, R15: integrates records into space-time. */
import { dataAt, slotAt, slotStart } from "../../../protocol/group.ts";
import type { GroupSnapshot, ProviderEntry } from "../../../protocol/group.ts";
import type { ProviderValue } from "../../../protocol/messages.ts";
import { lowerMedian } from "../../../protocol/median.ts";
import { recordTree } from "../../../protocol/records.ts";
import type {
  ChallengeRecord,
  ProviderSlots,
  RecordLeaf,
  RecordScope,
  RecordTree,
} from "../../../protocol/records.ts";
import { slotBytes, slotRuns } from "../../../protocol/spacetime.ts";
import type { CommittedChange, SlotRange } from "../../../protocol/spacetime.ts";
import { reason } from "../state.ts";
import type { Step } from "../state.ts";

export type Integral = { readonly values: readonly ProviderValue[]; readonly tree: RecordTree };

/**
 * Committed bytes by slot. Changes begin with a slot (R33). After a terminate a commitment may end inside a slot: the whole slot counts
 * here, and the contract pays only for its committed blocks (R16).
 */
function committedChanges({ params }: GroupSnapshot, provider: ProviderEntry): CommittedChange[] {
  return provider.history.map(({ fromBlock, bytes }) => {
    return { fromSlot: slotAt(params, fromBlock + params.slot - 1), bytes };
  });
}

/** R18: the slots of [ts, te) in which each provider has bytes committed; a commitment ends once and does not resume (R33). */
export function recordScope(
  group: GroupSnapshot,
  scope: readonly ProviderEntry[],
  ts: number,
  te: number,
): RecordScope {
  const first = slotAt(group.params, ts);
  const last = slotAt(group.params, te);
  return scope.map((provider) => {
    const changes = committedChanges(group, provider);
    const begin = changes.find(({ bytes }) => bytes > 0n)?.fromSlot ?? last;
    const end = changes.find(({ fromSlot, bytes }) => bytes === 0n && fromSlot >= begin)?.fromSlot ?? last;
    const fromSlot = Math.min(Math.max(begin, first), last);
    return { provider: provider.index, fromSlot, toSlot: Math.max(fromSlot, Math.min(end, last)) };
  });
}

/** A record counts only while the slot's first block is still canonical (R13). */
function standing(step: Step, group: GroupSnapshot, record: ChallengeRecord): boolean {
  const hash = step.state.hashes.get(slotStart(group.params, record.slot));
  if (hash === record.blockHash) return true;
  reason(step, "record-not-canonical", `provider ${record.provider}, slot ${record.slot}`);
  return false;
}

/**
 * R14 for a keeper that was down when the interval before was settled: the bytes that its records of that interval carry, from the last
 * settlement that it saw. The hashes of such old blocks may be unknown after a start; a record with a wrong hash still does not count.
 */
function carriedInto(step: Step, group: GroupSnapshot, provider: ProviderEntry, toSlot: number): bigint {
  const { state } = step;
  const to = slotStart(group.params, toSlot);
  const seen = Math.max(-1, ...[...state.before.keys()].filter((ts) => ts < to));
  const records = new Map<number, bigint>();
  const fromSlot = seen < 0 ? 0 : slotAt(group.params, seen);
  for (const [slot, { blockHash, outcome }] of state.records.get(provider.index) ?? []) {
    const hash = state.hashes.get(slotStart(group.params, slot));
    if (slot < fromSlot || slot >= toSlot || (hash !== undefined && hash !== blockHash)) continue;
    records.set(slot, outcome.kind === "proven" ? outcome.bytes : 0n);
  }
  const before = state.before.get(seen)?.get(provider.index) ?? 0n;
  // The chain shows commitments from the last settlement on; the first of them is taken for the time before, too.
  const committed = committedChanges(group, provider).map((c, i) => (i === 0 ? { ...c, fromSlot } : c));
  return slotRuns({ fromSlot, toSlot, before, committed, records }).at(-1)?.bytes ?? 0n;
}

/** This keeper's records of one provider over slots [fromSlot, toSlot), as a range for R14. */
function ownRange(
  step: Step,
  group: GroupSnapshot,
  provider: ProviderEntry,
  fromSlot: number,
  toSlot: number,
): { range: SlotRange; bySlot: Map<number, ChallengeRecord> } {
  const bySlot = new Map<number, ChallengeRecord>();
  const records = new Map<number, bigint>();
  for (const [slot, record] of step.state.records.get(provider.index) ?? []) {
    if (slot < fromSlot || slot >= toSlot || !standing(step, group, record)) continue;
    bySlot.set(slot, record);
    records.set(slot, record.outcome.kind === "proven" ? record.outcome.bytes : 0n);
  }
  const known = step.state.before.get(slotStart(group.params, fromSlot));
  const before =
    known === undefined ? carriedInto(step, group, provider, fromSlot) : (known.get(provider.index) ?? 0n);
  return {
    range: { fromSlot, toSlot, before, committed: committedChanges(group, provider), records },
    bySlot,
  };
}

/** This keeper's values and record tree over [ts, te) for all providers of the scope. */
export function integrate(
  step: Step,
  group: GroupSnapshot,
  scope: readonly ProviderEntry[],
  ts: number,
  te: number,
): Integral {
  const fromSlot = slotAt(group.params, ts);
  const toSlot = slotAt(group.params, te);
  const shape = recordScope(group, scope, ts, te);
  const values: ProviderValue[] = [];
  const leaves: RecordLeaf[] = [];
  for (const provider of scope) {
    const { range, bySlot } = ownRange(step, group, provider, fromSlot, toSlot);
    const bytes = slotBytes(range);
    const sum = bytes.reduce((total, b) => total + b, 0n);
    values.push({ provider: provider.index, value: sum * BigInt(group.params.slot) });
    const slots = shape.find((r) => r.provider === provider.index);
    for (let slot = slots?.fromSlot ?? 0; slot < (slots?.toSlot ?? 0); slot++) {
      leaves.push(leafOf(bySlot.get(slot), bytes[slot - fromSlot] ?? 0n));
    }
  }
  return { values, tree: recordTree(shape, leaves) };
}

function leafOf(record: ChallengeRecord | undefined, carried: bigint): RecordLeaf {
  if (record === undefined) return { kind: "carried", bytes: carried };
  if (record.outcome.kind === "failed") return { kind: "failed" };
  return { kind: "proven", bytes: record.outcome.bytes, receiptHash: record.outcome.receiptHash };
}

/** Bytes that count for each provider in the slot before `te`; the next interval carries them (R14). */
export function bytesBefore(step: Step, group: GroupSnapshot, ts: number, te: number): ProviderValue[] {
  const fromSlot = slotAt(group.params, ts);
  const toSlot = slotAt(group.params, te);
  return group.providers
    .filter((provider) => (dataAt(provider, te - 1)?.bytes ?? 0n) > 0n)
    .map((provider) => {
      const bytes = slotBytes(ownRange(step, group, provider, fromSlot, toSlot).range);
      return { provider: provider.index, value: bytes.at(-1) ?? 0n };
    });
}

/**
 * R24: per slot the lower median over the pinned keepers of the bytes that R14 gives each; the sum is the value.
 * @param pinned for each pinned keeper one leaf for each slot of `slots`
 */
export function integrateExchanged(
  group: GroupSnapshot,
  provider: ProviderEntry,
  slots: ProviderSlots,
  pinned: readonly (readonly RecordLeaf[])[],
): bigint {
  const { fromSlot, toSlot } = slots;
  const committed = committedChanges(group, provider);
  const perKeeper = pinned.map((leaves) => {
    const records = new Map<number, bigint>();
    leaves.forEach((leaf, i) => {
      if (leaf.kind !== "carried") records.set(fromSlot + i, leaf.kind === "proven" ? leaf.bytes : 0n);
    });
    const first = leaves[0];
    const before = first?.kind === "carried" ? first.bytes : 0n;
    return slotBytes({ fromSlot, toSlot, before, committed, records });
  });
  let sum = 0n;
  for (let i = 0; i < toSlot - fromSlot; i++) sum += lowerMedian(perKeeper.map((bytes) => bytes[i] ?? 0n));
  return sum * BigInt(group.params.slot);
}
