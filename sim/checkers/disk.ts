/** R13, R14, R18 from what a disk acknowledged: the leaves that a keeper's records are, computed without the keeper's code. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord, RecordLeaf } from "../../protocol/records.ts";
import { wasThere } from "../keepers/memory-store.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Run } from "./checker.ts";
import { hashThen } from "./words.ts";

/** What was committed for a slot: what is committed in its first block (R14). */
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
  /** What was on the disk then, and which blocks were the chain's. */
  readonly at_ms: number;
  /**
   * How what is carried into `ts` is capped: by what was committed in each slot before, or only by what is committed from there on,
   * since a keeper that was down may learn no more from the chain.
   */
  readonly before: "capped" | "uncapped";
};

export type SlotLeaf = { readonly slot: number; readonly leaf: RecordLeaf; readonly counted: bigint };

/** One leaf for each slot of [ts, te) with bytes committed (R18), with the bytes that R14 counts for it. */
export function leavesOf(run: Run, store: MemoryStore, asked: LeavesAsked): SlotLeaf[] {
  const { originBlock, slot: blocks } = run.cluster.options.params;
  const { provider, ts, te, at_ms, before } = asked;
  const records = recordsOf(store, provider);
  const leafIn = (slot: number): DiskLeaf | undefined => {
    const record = recordThen(records.get(slot), at_ms);
    const canonical = record !== undefined && hashThen(run.cluster, originBlock + slot * blocks, at_ms);
    return record !== undefined && record.blockHash === canonical ? leafOf(record) : undefined;
  };
  // Nothing before the last slot with a leaf of its own matters to what is carried into ts.
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

/** All that a disk was told of a provider, by slot and in order. */
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

/** R14: slots count their whole length. */
export function spaceTimeOf(leaves: readonly SlotLeaf[], slotBlocks: number): bigint {
  return leaves.reduce((sum, { counted }) => sum + counted, 0n) * BigInt(slotBlocks);
}

/** What R24 counts of a pinned keeper's leaves: a proven one without a valid receipt as nothing. */
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
