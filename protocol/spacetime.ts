/** Space-time of one provider from one keeper's records (R14, R15): exact integers, independent of the order of arrival. */

/** The provider has `bytes` committed from slot `fromSlot` until the next change. */
export type CommittedChange = { readonly fromSlot: number; readonly bytes: bigint };

export type SlotRange = {
  /** First slot, inclusive. */
  readonly fromSlot: number;
  /** Last slot, exclusive. */
  readonly toSlot: number;
  /** Bytes of slot fromSlot − 1 after capping; 0n if there is none. */
  readonly before: bigint;
  /** In any order; of two changes at one slot, the later in the list applies. Before the first change 0 bytes are committed. */
  readonly committed: readonly CommittedChange[];
  /** Proven bytes, ascending by slot, at most one entry for a slot: 0n for a failed challenge, none if the keeper was down. */
  readonly records: readonly SlotRecord[];
};

export type SlotRecord = { readonly slot: number; readonly bytes: bigint };

/** Sorts records by their slots. They mostly arrive in that order. */
export function bySlot<T extends SlotRecord>(records: T[]): T[] {
  for (let i = 1; i < records.length; i++) {
    if ((records[i - 1] as T).slot > (records[i] as T).slot) return records.sort((a, b) => a.slot - b.slot);
  }
  return records;
}

/** Slots [fromSlot, toSlot) that all count `bytes`. */
export type SlotRun = { readonly fromSlot: number; readonly toSlot: number; readonly bytes: bigint };

/**
 * R14 as runs of equal slots, so a long outage has one entry and not one per slot. Within a run the value is only carried, and a
 * carried value does not change while the cap does not change.
 */
export function slotRuns(range: SlotRange): SlotRun[] {
  const { toSlot, records } = range;
  const changes = range.committed.toSorted((a, b) => a.fromSlot - b.fromSlot);
  const runs: SlotRun[] = [];
  let [nextChange, nextRecord] = [0, 0];
  let cap = 0n;
  let carried = range.before;
  for (let slot = range.fromSlot; slot < toSlot;) {
    let change = changes[nextChange];
    while (change !== undefined && change.fromSlot <= slot) {
      cap = change.bytes;
      change = changes[++nextChange];
    }
    let record = records[nextRecord];
    while (record !== undefined && record.slot < slot) record = records[++nextRecord];
    const proven = record?.slot === slot ? record.bytes : undefined;
    if (proven !== undefined) record = records[++nextRecord];
    const bytes = proven ?? carried;
    carried = bytes < cap ? bytes : cap;
    const end = Math.min(toSlot, change?.fromSlot ?? toSlot, record?.slot ?? toSlot);
    runs.push({ fromSlot: slot, toSlot: end, bytes: carried });
    slot = end;
  }
  return runs;
}

/** R14: bytes of each slot of adjacent runs, ascending. */
export function slotBytes(runs: readonly SlotRun[]): bigint[] {
  const bytes: bigint[] = [];
  for (const run of runs) for (let slot = run.fromSlot; slot < run.toSlot; slot++) bytes.push(run.bytes);
  return bytes;
}

/** Blocks of the slots [fromSlot, toSlot) that count: all of them, or those inside a membership (R14). */
export type BlocksOf = (fromSlot: number, toSlot: number) => number;

/** R14: space-time in byte·blocks over adjacent runs. */
export function spaceTime(runs: readonly SlotRun[], blocksOf: BlocksOf): bigint {
  return runs.reduce(
    (sum, { fromSlot, toSlot, bytes }) => sum + bytes * BigInt(blocksOf(fromSlot, toSlot)),
    0n,
  );
}
