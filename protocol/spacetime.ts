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
function breakpoints({ fromSlot, toSlot, records, committed }: SlotRange): number[] {
  if (fromSlot >= toSlot) return [];
  const points = [fromSlot];
  for (const slot of records.keys()) if (slot > fromSlot && slot < toSlot) points.push(slot);
  for (const change of committed) {
    if (change.fromSlot > fromSlot && change.fromSlot < toSlot && !points.includes(change.fromSlot))
      points.push(change.fromSlot);
  }
  return points.sort((a, b) => a - b);
}

/**
 * R14 as runs of equal slots, so a long outage has one entry and not one per slot. Within a run the value is only carried, and a
 * carried value does not change while the cap does not change.
 */
export function slotRuns(range: SlotRange): SlotRun[] {
  const changes = range.committed.toSorted((a, b) => a.fromSlot - b.fromSlot);
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
