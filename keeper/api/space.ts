/** Bytes proven over time, with as many points as a page can draw. */
import type { Space } from "../ports/ledger.ts";
import type { SpaceDocument } from "./schemas.ts";

type Point = { bytes: bigint; count: number; committed: bigint; measured: number; failed: number };

/** A point has the mean of its slots, rounded down, without slots that have no record. */
export function spaceOf({ every, entries }: Space, maxPoints: number): SpaceDocument {
  const slots = entries.map(({ slot }) => slot);
  if (slots.length === 0) return { slotsPerPoint: 1, slots: [], providers: [] };
  const first = slots.reduce((a, b) => Math.min(a, b));
  const last = slots.reduce((a, b) => Math.max(a, b));
  // A multiple of `every`, so that each point has a slot that was read.
  const slotsPerPoint = every * Math.ceil((last - first + 1) / (maxPoints * every));
  const count = Math.ceil((last - first + 1) / slotsPerPoint);
  const providers = new Map<number, Point[]>();
  for (const { provider, slot, outcome, bytes, committed } of entries) {
    const points = providers.get(provider) ?? emptyPoints(count);
    providers.set(provider, points);
    const point = points[Math.floor((slot - first) / slotsPerPoint)] as Point;
    point.bytes += BigInt(bytes);
    point.count++;
    if (committed !== null) {
      point.committed += BigInt(committed);
      point.measured++;
    }
    if (outcome !== "proven") point.failed++;
  }
  return {
    slotsPerPoint,
    slots: Array.from({ length: count }, (_, i) => first + i * slotsPerPoint),
    providers: [...providers]
      .sort(([a], [b]) => a - b)
      .map(([index, points]) => ({
        index,
        bytes: points.map((p) => mean(p.bytes, p.count)),
        committed: points.map((p) => mean(p.committed, p.measured)),
        failed: points.map(({ failed }) => failed),
      })),
  };
}

function mean(sum: bigint, count: number): string | null {
  return count === 0 ? null : (sum / BigInt(count)).toString();
}

function emptyPoints(count: number): Point[] {
  return Array.from({ length: count }, () => ({
    bytes: 0n,
    count: 0,
    committed: 0n,
    measured: 0,
    failed: 0,
  }));
}
