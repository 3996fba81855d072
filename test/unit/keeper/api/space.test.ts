import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spaceOf } from "../../../../keeper/api/space.ts";
import type { SpaceEntry } from "../../../../keeper/ports/ledger.ts";

const entry = (provider: number, slot: number, bytes: bigint | undefined): SpaceEntry => ({
  provider,
  slot,
  outcome: bytes === undefined ? "failed" : "proven",
  bytes: String(bytes ?? 0n),
  committed: slot % 2 === 0 ? "9" : null,
});

describe("bytes proven over time", () => {
  it("has one point a slot while they fit, and a gap where a record is missing", () => {
    const entries = [entry(0, 12, 7n), entry(0, 10, 5n), entry(3, 11, undefined)];
    expect(spaceOf({ every: 1, entries }, 120)).toEqual({
      slotsPerPoint: 1,
      slots: [10, 11, 12],
      providers: [
        { index: 0, bytes: ["5", null, "7"], committed: ["9", null, "9"], failed: [0, 0, 0] },
        { index: 3, bytes: [null, "0", null], committed: [null, null, null], failed: [0, 1, 0] },
      ],
    });
    expect(spaceOf({ every: 1, entries: [] }, 120)).toEqual({ slotsPerPoint: 1, slots: [], providers: [] });
  });

  it("has the exact mean of the slots of a point, and the number of failures", () => {
    const big = 2n ** 64n - 1n;
    const entries = [entry(0, 0, big), entry(0, 1, big - 1n), entry(0, 2, undefined), entry(0, 3, 8n)];
    expect(spaceOf({ every: 1, entries }, 2)).toEqual({
      slotsPerPoint: 2,
      slots: [0, 2],
      providers: [{ index: 0, bytes: [String(big - 1n), "4"], committed: ["9", "9"], failed: [0, 1] }],
    });
  });

  it("has at most the given number of points, all failures, and no gap where only some slots were read", () => {
    const scene = fc.record({
      every: fc.integer({ min: 1, max: 40 }),
      first: fc.nat(1_000),
      count: fc.integer({ min: 1, max: 400 }),
      points: fc.integer({ min: 2, max: 100 }),
      lost: fc.nat(6),
    });
    fc.assert(
      fc.property(scene, ({ every, first, count, points, lost }) => {
        const entries = Array.from({ length: count }, (_, i) =>
          entry(0, (first + i) * every, i % 7 === lost ? undefined : 9n),
        );
        const space = spaceOf({ every, entries }, points);
        const [line] = space.providers;
        expect(space.slots.length).toBeLessThanOrEqual(points);
        expect(line?.bytes).toHaveLength(space.slots.length);
        expect(line?.bytes).not.toContain(null);
        const failed = entries.filter(({ outcome }) => outcome === "failed").length;
        expect(line?.failed.reduce((a, b) => a + b, 0)).toBe(failed);
      }),
    );
  });
});
