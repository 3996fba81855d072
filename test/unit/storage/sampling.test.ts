/** R8, R9, R11: draws are uniform over a provider's bytes and determined by the seed. */
import { describe, expect, it } from "vitest";
import { locate, makePieceList } from "../../../storage/core/piece-list.ts";
import { challengeOffset, sampleLeaves } from "../../../storage/core/sampling.ts";
import { seededBytes } from "../../support/files.ts";

const listOf = (...sizes: number[]) =>
  makePieceList(sizes.map((size, i) => ({ root: seededBytes(32, i + 1), size })));

/** Pearson's chi-square statistic of counts against uniform draws. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}

/** Quantile 0.9999 of the statistic (Wilson and Hilferty). The seeds are fixed, so the test is deterministic. */
function limit(freedom: number): number {
  const z = 3.719;
  return freedom * (1 - 2 / (9 * freedom) + z * Math.sqrt(2 / (9 * freedom))) ** 3;
}

describe("sampling (R11)", () => {
  it("draws 16 existing leaves, equal for the same seed and different for another", () => {
    const list = listOf(1, 5000, 300_000);
    const draws = sampleLeaves(seededBytes(48, 1), list);
    expect(draws).toHaveLength(16);
    for (const { piece, leaf } of draws) {
      expect(leaf).toBeGreaterThanOrEqual(0);
      expect(leaf * 1024).toBeLessThan(list.pieces.at(piece)!.size);
    }
    expect(sampleLeaves(seededBytes(48, 1), list)).toEqual(draws);
    expect(sampleLeaves(seededBytes(48, 2), list)).not.toEqual(draws);
  });

  it("draws every leaf equally often (chi-square over 64 leaves)", () => {
    const list = listOf(64 * 1024);
    const counts: number[] = Array.from({ length: 64 }, () => 0);
    const seeds = 2_000;
    for (let i = 0; i < seeds; i++) {
      for (const { leaf } of sampleLeaves(seededBytes(48, i), list)) counts[leaf]!++;
    }
    const expected = counts.map(() => (seeds * 16) / 64);
    expect(chiSquare(counts, expected)).toBeLessThan(limit(63));
    // With a third of one leaf's draws moved to its neighbour, the test must fail.
    const biased = [...counts];
    biased[1]! += Math.round(counts[0]! / 3);
    biased[0]! -= Math.round(counts[0]! / 3);
    expect(chiSquare(biased, expected)).toBeGreaterThan(limit(63));
  });

  it("draws pieces in proportion to their bytes, including a short last leaf", () => {
    const sizes = [1, 3000, 1024, 9_999, 2_047, 700, 30_000];
    const list = listOf(...sizes);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const leaves = sizes.flatMap((size, piece) =>
      Array.from({ length: Math.ceil(size / 1024) }, (_, leaf) => ({
        key: `${piece}/${leaf}`,
        bytes: Math.min(1024, size - leaf * 1024),
      })),
    );
    const seen = new Map<string, number>();
    const seeds = 4_000;
    for (let i = 0; i < seeds; i++) {
      for (const { piece, leaf } of sampleLeaves(seededBytes(48, 50_000 + i), list)) {
        seen.set(`${piece}/${leaf}`, (seen.get(`${piece}/${leaf}`) ?? 0) + 1);
      }
    }
    const kept = leaves.filter(({ bytes }) => bytes > 100);
    const counts = kept.map(({ key }) => seen.get(key) ?? 0);
    const expected = kept.map(({ bytes }) => (bytes / total) * seeds * 16);
    expect(chiSquare(counts, expected)).toBeLessThan(limit(kept.length - 1));
    // The single byte: expected about 1.4 of 64,000 draws.
    expect(seen.get("0/0") ?? 0).toBeLessThan(10);
    const sum = [...seen.values()].reduce((a, b) => a + b, 0);
    expect(sum).toBe(seeds * 16);
  });

  it("has no modulo bias near 2^64 bytes, where a quarter of all words is rejected", () => {
    // Of 3·2^62 bytes the lowest third gets a third of the draws; a plain remainder would give it half.
    const list = {
      ...listOf(Number.MAX_SAFE_INTEGER),
      totalBytes: 3n * 2n ** 62n,
      starts: BigUint64Array.of(0n),
    };
    let low = 0;
    for (let i = 0; i < 500; i++) {
      const draws = sampleLeaves(seededBytes(48, i), list);
      low += draws.filter(({ leaf }) => leaf * 1024 < 2 ** 62).length;
    }
    expect(Math.abs(low - 8_000 / 3)).toBeLessThan(4 * Math.sqrt(8_000 * (1 / 3) * (2 / 3)));
  });
});

describe("the offset in a slot (R8)", () => {
  const params = { slot: 20, answer: 5, confirmations: 3 };

  it("is uniform in [confirmations, slot − answer)", () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 6_000; i++) {
      const offset = challengeOffset(seededBytes(48, i), params);
      counts.set(offset, (counts.get(offset) ?? 0) + 1);
    }
    const offsets = [...counts.keys()].sort((a, b) => a - b);
    expect(offsets).toEqual(Array.from({ length: 12 }, (_, i) => 3 + i));
    const expected = offsets.map(() => 500);
    expect(chiSquare([...counts.values()], expected)).toBeLessThan(limit(11));
  });

  it("is constant if one block is left, and throws if none is left", () => {
    const seed = seededBytes(48, 1);
    expect(challengeOffset(seed, { slot: 4, answer: 2, confirmations: 1 })).toBe(1);
    expect(() => challengeOffset(seed, { slot: 3, answer: 2, confirmations: 1 })).toThrow(RangeError);
  });
});

describe("a piece list (R10)", () => {
  it("finds piece and offset of every byte", () => {
    const sizes = [3, 1, 4, 1, 5];
    const list = listOf(...sizes);
    const places = sizes.flatMap((size, piece) =>
      Array.from({ length: size }, (_, offset) => ({ piece, offset })),
    );
    expect(places.map((_, position) => locate(list, BigInt(position)))).toEqual(places);
    expect(list.totalBytes).toBe(14n);
    for (const outside of [-1n, 14n]) expect(() => locate(list, outside)).toThrow(RangeError);
  });

  it("has a root that depends on order, sizes and roots", () => {
    const a = { root: seededBytes(32, 1), size: 10 };
    const b = { root: seededBytes(32, 2), size: 20 };
    const roots = [
      [a, b],
      [b, a],
      [a],
      [a, b, b],
      [a, { ...b, size: 21 }],
      [
        { ...a, size: 20 },
        { ...b, size: 10 },
      ],
    ].map((pieces) => Buffer.from(makePieceList(pieces).root).toString("hex"));
    expect(new Set(roots).size).toBe(roots.length);
    expect(Buffer.from(makePieceList([a, b]).root).toString("hex")).toBe(roots[0]);
  });

  it("refuses no pieces, too many, a size of 0 and an invalid root", () => {
    const piece = { root: seededBytes(32, 1), size: 1 };
    expect(() => makePieceList([])).toThrow(RangeError);
    expect(() => makePieceList(Array.from({ length: 65_537 }, () => piece))).toThrow(/65536/);
    for (const size of [0, -1, 0.5, 2 ** 53])
      expect(() => makePieceList([{ ...piece, size }])).toThrow(/size/);
    expect(() => makePieceList([{ ...piece, root: new Uint8Array(31) }])).toThrow(/32 bytes/);
  });
});
