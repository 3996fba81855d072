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
  /** Proven bytes by slot; 0n for a failed challenge; no entry if the keeper was down. */
  readonly records: ReadonlyMap<number, bigint>;
};

/** Slots [fromSlot, toSlot) that all count `bytes`. */
export type SlotRun = { readonly fromSlot: number; readonly toSlot: number; readonly bytes: bigint };

/** Slots whose value can differ from that of the previous slot. */
function breakpoints(range: SlotRange): number[] {
  const points = new Set([range.fromSlot]);
  for (const slot of range.records.keys()) points.add(slot);
  for (const change of range.committed) points.add(change.fromSlot);
  return [...points].filter((slot) => slot >= range.fromSlot && slot < range.toSlot).sort((a, b) => a - b);
}

/**
 * R14 as runs of equal slots, so a long outage has one entry and not one per slot. Within a run the value is only carried, and a
 * carried value does not change while the cap does not change.
 */
export function slotRuns(range: SlotRange): SlotRun[] {
  const changes = [...range.committed].sort((a, b) => a.fromSlot - b.fromSlot);
  const points = breakpoints(range);
  const runs: SlotRun[] = [];
  let next = 0;
  let cap = 0n;
  let carried = range.before;
  points.forEach((slot, i) => {
    let change = changes[next];
    while (change !== undefined && change.fromSlot <= slot) {
      cap = change.bytes;
      change = changes[++next];
    }
    const bytes = range.records.get(slot) ?? carried;
    carried = bytes < cap ? bytes : cap;
    runs.push({ fromSlot: slot, toSlot: points[i + 1] ?? range.toSlot, bytes: carried });
  });
  return range.fromSlot < range.toSlot ? runs : [];
}

/** R14: bytes of each slot of [fromSlot, toSlot), ascending. */
export function slotBytes(range: SlotRange): bigint[] {
  return slotRuns(range).flatMap((run) => Array<bigint>(run.toSlot - run.fromSlot).fill(run.bytes));
}

/** Blocks of the slots [fromSlot, toSlot) that count: all of them, or those inside a membership (R14). */
export type BlocksOf = (fromSlot: number, toSlot: number) => number;

/** R14: space-time in byte·blocks over the slots of `range`. */
export function spaceTime(range: SlotRange, blocksOf: BlocksOf): bigint {
  return slotRuns(range).reduce(
    (sum, { fromSlot, toSlot, bytes }) => sum + bytes * BigInt(blocksOf(fromSlot, toSlot)),
    0n,
  );
}
