/** R13, R14, R18: the leaves of a keeper's records, computed from the records on its disk, without the keeper's code. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord, RecordLeaf } from "../../protocol/records.ts";
import { wasThere } from "../keepers/memory-store.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Run } from "./checker.ts";
import { hashThen } from "./words.ts";

/** Bytes committed for a slot: those committed in its first block (R14). */
function committedIn({ cluster }: Run, provider: number, slotStart: number): bigint {
  const { chain } = cluster;
  const model = chain.at(chain.head);
  const one = model.providers[provider];
  return one === undefined ? 0n : model.committed(one, slotStart, slotStart + 1);
}

export type LeavesAsked = {
  readonly provider: number;
  readonly ts: number;
  readonly te: number;
  /** The time at which records on the disk and canonical blocks are read. */
  readonly at_ms: number;
  /**
   * The cap of the bytes that are carried into `ts`: "capped" applies the bytes committed in each earlier slot, "uncapped" only those
   * committed from `ts` on, since a keeper that was down may not learn earlier commitments from the chain.
   */
  readonly before: "capped" | "uncapped";
};

export type SlotLeaf = { readonly slot: number; readonly leaf: RecordLeaf; readonly counted: bigint };

/** One leaf for each slot of [ts, te) with committed bytes (R18), and the bytes that R14 counts for it. */
export function leavesOf(run: Run, store: MemoryStore, asked: LeavesAsked): SlotLeaf[] {
  const { originBlock, slot: blocks } = run.cluster.options.params;
  const { provider, ts, te, at_ms, before } = asked;
  const records = recordsOf(store, provider);
  const leafIn = (slot: number): DiskLeaf | undefined => {
    const record = recordThen(records.get(slot), at_ms);
    const canonical = record !== undefined && hashThen(run.cluster, originBlock + slot * blocks, at_ms);
    return record !== undefined && record.blockHash === canonical ? leafOf(record) : undefined;
  };
  // The bytes carried into ts depend on no slot before the last one with a record.
  let first = Math.floor((ts - originBlock) / blocks);
  while (first > 0 && leafIn(first) === undefined) first--;
  const leaves: SlotLeaf[] = [];
  let carried = 0n;
  for (let slot = first, start = originBlock + first * blocks; start < te; slot++, start += blocks) {
    const leaf = leafIn(slot);
    const committed = committedIn(run, provider, start);
    const bytes = leaf === undefined ? carried : leaf.kind === "proven" ? leaf.bytes : 0n;
    const cap = start < ts && before === "uncapped" ? bytes : committed;
    carried = bytes < cap ? bytes : cap;
    if (start >= ts && committed > 0n)
      leaves.push({ slot, leaf: leaf ?? { kind: "carried", bytes: carried }, counted: carried });
  }
  return leaves;
}

type Recorded = MemoryStore["recorded"][number];
type Index = { length: number; readonly bySlot: Map<number, Map<number, Recorded[]>> };
const indexes = new WeakMap<MemoryStore, Index>();

/** All records of a provider that were written to a disk, by slot, in order. */
function recordsOf(store: MemoryStore, provider: number): ReadonlyMap<number, readonly Recorded[]> {
  let index = indexes.get(store);
  if (index === undefined || index.length > store.recorded.length) {
    index = { length: 0, bySlot: new Map() };
    indexes.set(store, index);
  }
  for (; index.length < store.recorded.length; index.length++) {
    const one = store.recorded[index.length] as Recorded;
    const slots = index.bySlot.get(one.record.provider) ?? new Map<number, Recorded[]>();
    index.bySlot.set(one.record.provider, slots);
    slots.set(one.record.slot, [...(slots.get(one.record.slot) ?? []), one]);
  }
  return index.bySlot.get(provider) ?? new Map<number, Recorded[]>();
}

/** The last record of a slot that was on the disk then. */
function recordThen(recorded: readonly Recorded[] | undefined, at_ms: number): ChallengeRecord | undefined {
  return recorded?.findLast((one) => wasThere(one, at_ms))?.record;
}

type DiskLeaf = Exclude<RecordLeaf, { kind: "carried" }>;

function leafOf({ outcome }: ChallengeRecord): DiskLeaf {
  if (outcome.kind === "failed") return { kind: "failed" };
  return { kind: "proven", bytes: outcome.bytes, receiptHash: outcome.receiptHash };
}

/** R14: each slot counts with its whole length. */
export function spaceTimeOf(leaves: readonly SlotLeaf[], slotBlocks: number): bigint {
  return leaves.reduce((sum, { counted }) => sum + counted, 0n) * BigInt(slotBlocks);
}

/** R24: the leaves of a pinned keeper; a proven leaf without a valid receipt counts as failed. */
export function withReceipts(
  run: Run,
  keeper: Hex,
  provider: number,
  leaves: readonly SlotLeaf[],
): { readonly slot: number; readonly leaf: RecordLeaf }[] {
  return leaves.map(({ slot, leaf }) => {
    if (leaf.kind !== "proven") return { slot, leaf };
    const issued = run.cluster.issued.get(leaf.receiptHash);
    const valid =
      issued !== undefined &&
      issued.keeper === keeper &&
      issued.provider === provider &&
      issued.slot === slot &&
      issued.bytes === leaf.bytes;
    return { slot, leaf: valid ? leaf : { kind: "failed" } };
  });
}
