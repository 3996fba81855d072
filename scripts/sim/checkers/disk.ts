/** R13, R14, R18 from what a disk acknowledged: the leaves that a keeper's records are, computed without the keeper's code. */
import type { Hex } from "../../../keeper/core/hash.ts";
import type { ChallengeRecord, RecordLeaf } from "../../../keeper/core/records.ts";
import type { MemoryStore } from "../memory-store.ts";
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
  const records = recordsThen(store, provider, at_ms);
  const leaves: SlotLeaf[] = [];
  let carried = 0n;
  for (let slot = 0, start = originBlock; start < te; slot++, start += blocks) {
    const record = records.get(slot);
    const canonical = hashThen(run.cluster, start, at_ms);
    const leaf = leafOf(record !== undefined && record.blockHash === canonical ? record : undefined);
    const committed = committedIn(run, provider, start);
    const bytes = leaf === undefined ? carried : leaf.kind === "proven" ? leaf.bytes : 0n;
    const cap = start < ts && before === "uncapped" ? bytes : committed;
    carried = bytes < cap ? bytes : cap;
    if (start >= ts && committed > 0n)
      leaves.push({ slot, leaf: leaf ?? { kind: "carried", bytes: carried }, counted: carried });
  }
  return leaves;
}

/** The last record of each slot that was on the disk then. */
function recordsThen(store: MemoryStore, provider: number, at_ms: number): Map<number, ChallengeRecord> {
  const records = new Map<number, ChallengeRecord>();
  for (const { record, at_ms: since_ms, gone_ms = Infinity } of store.recorded) {
    if (record.provider === provider && since_ms <= at_ms && at_ms < gone_ms)
      records.set(record.slot, record);
  }
  return records;
}

function leafOf(record: ChallengeRecord | undefined): Exclude<RecordLeaf, { kind: "carried" }> | undefined {
  if (record === undefined) return undefined;
  const { outcome } = record;
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
