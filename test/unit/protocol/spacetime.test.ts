import { describe, expect, it } from "vitest";
import { slotBytes, slotRuns, spaceTime, type SlotRange } from "../../../protocol/spacetime.ts";

const range = (over: Partial<SlotRange> = {}): SlotRange => ({
  fromSlot: 10,
  toSlot: 14,
  before: 0n,
  committed: [{ fromSlot: 0, bytes: 100n }],
  records: [],
  ...over,
});

/** Every slot counts so many blocks. */
const each = (blocks: number) => (from: number, to: number) => (to - from) * blocks;

describe("bytes of a slot (R14)", () => {
  it("carries the previous slot during an outage of the keeper", () => {
    expect(slotBytes(slotRuns(range({ records: [{ slot: 11, bytes: 80n }], before: 50n })))).toEqual([
      50n,
      80n,
      80n,
      80n,
    ]);
  });

  it("counts a failed challenge as 0 and carries that too", () => {
    expect(slotBytes(slotRuns(range({ records: [{ slot: 11, bytes: 0n }], before: 50n })))).toEqual([
      50n,
      0n,
      0n,
      0n,
    ]);
  });

  it("starts from 0 without a previous slot", () => {
    expect(slotBytes(slotRuns(range()))).toEqual([0n, 0n, 0n, 0n]);
  });

  it("caps a record by what was committed, and carries the capped value even when the cap rises again", () => {
    const committed = [
      { fromSlot: 12, bytes: 90n },
      { fromSlot: 11, bytes: 60n },
      { fromSlot: 0, bytes: 100n },
    ];
    expect(slotBytes(slotRuns(range({ committed, before: 100n })))).toEqual([100n, 60n, 60n, 60n]);
  });

  it("caps by 0 before the first commitment", () => {
    const committed = [{ fromSlot: 12, bytes: 90n }];
    const records = [10, 11, 12, 13].map((slot) => ({ slot, bytes: 70n }));
    expect(slotBytes(slotRuns(range({ committed, records })))).toEqual([0n, 0n, 70n, 70n]);
  });

  it("has no slot in an empty range", () => {
    expect(slotBytes(slotRuns(range({ toSlot: 10, before: 5n })))).toEqual([]);
    expect(spaceTime(slotRuns(range({ toSlot: 10, before: 5n })), each(5))).toBe(0n);
  });
});

describe("space-time (R14, R15)", () => {
  it("sums bytes times blocks", () => {
    expect(
      spaceTime(
        slotRuns(
          range({
            records: [
              { slot: 10, bytes: 100n },
              { slot: 12, bytes: 40n },
            ],
          }),
        ),
        each(5),
      ),
    ).toBe((100n + 100n + 40n + 40n) * 5n);
  });

  it("stays exact beyond 2^53", () => {
    const bytes = 2n ** 63n + 1n;
    expect(spaceTime(slotRuns(range({ before: bytes, committed: [{ fromSlot: 0, bytes }] })), each(7))).toBe(
      bytes * 28n,
    );
  });

  it("costs one run for an outage of a billion slots", () => {
    const long = range({ toSlot: 1_000_000_010, before: 3n });
    expect(slotRuns(long)).toHaveLength(1);
    expect(spaceTime(slotRuns(long), each(5))).toBe(15_000_000_000n);
  });
});
