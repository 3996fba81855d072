/** Proofs of several ranges together: computed from R10 a second time, for every run of pieces of many shapes; no other bytes pass. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashBytes, segmentBytes } from "../../../storage/core/geometry.ts";
import {
  maxRunNodes,
  rangeBytes,
  rangeCount,
  rangeSegments,
  rangeSiblings,
  runProof,
  runRoot,
  runSiblings,
} from "../../../storage/core/range.ts";
import { seededBytes } from "../../support/files.ts";

const sha = (...parts: Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** Segment roots stand for the segments: what lies below them is the same for one range and for several. */
class NaivePiece {
  readonly size: number;
  readonly segments: readonly Uint8Array[];
  /** Level 0: segment roots, padded to a power of two. */
  readonly levels: Uint8Array[][];

  constructor(size: number) {
    this.size = size;
    const count = Math.ceil(size / segmentBytes);
    this.segments = Array.from({ length: count }, (_, i) => seededBytes(32, i + 1));
    let level: Uint8Array[] = [...this.segments];
    while (!Number.isInteger(Math.log2(level.length))) level.push(new Uint8Array(hashBytes));
    this.levels = [level];
    while (level.length > 1) {
      level = Array.from({ length: level.length / 2 }, (_, i) =>
        sha(Buffer.of(1), level[2 * i]!, level[2 * i + 1]!),
      );
      this.levels.push(level);
    }
  }

  get root(): Buffer {
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(this.size));
    return sha(Buffer.of(2), size, this.levels.at(-1)![0]!);
  }

  nodes(positions: readonly { level: number; index: number }[]): Uint8Array[] {
    return positions.map(({ level, index }) => this.levels[level]![index]!);
  }

  rootsOf(first: number, count: number): Uint8Array[] {
    return this.segments.slice(first * rangeSegments, (first + count) * rangeSegments);
  }
}

const sizes = [1, 5, 16, 17, 32, 33, 48, 16 * 5 + 3, 16 * 7, 16 * 8, 16 * 9 + 1, 16 * 11 + 15];

describe("a run of ranges", () => {
  it.each(sizes)("of a piece of %i segments is proven by its neighbours, for every run", (segments) => {
    const piece = new NaivePiece(segments * segmentBytes - 7);
    const { size, root } = piece;
    const ranges = rangeCount(size);
    for (let first = 0; first < ranges; first++) {
      for (let count = 1; first + count <= ranges; count++) {
        const run = { size, first, count };
        const siblings = piece.nodes(runSiblings(run));
        expect(siblings.length).toBeLessThanOrEqual(maxRunNodes);
        const segmentRoots = piece.rootsOf(first, count);
        expect(runRoot(run, { segmentRoots, siblings })).toEqual(Uint8Array.from(root));
        const ofFirst = piece.nodes(rangeSiblings(size, first));
        const ofLast = piece.nodes(rangeSiblings(size, first + count - 1));
        expect(runProof(run, ofFirst, ofLast)).toEqual(siblings);
      }
    }
    expect(runSiblings({ size, first: 0, count: ranges })).toEqual([]);
  });

  it("has another root for other bytes, another node, another place, another size, and none for a wrong number of nodes", () => {
    const piece = new NaivePiece((16 * 11 + 15) * segmentBytes - 7);
    const { size } = piece;
    const run = { size, first: 3, count: 4 };
    const segmentRoots = piece.rootsOf(3, 4);
    const siblings = piece.nodes(runSiblings(run));
    const right = Uint8Array.from(piece.root);
    const changed = (nodes: readonly Uint8Array[], at: number): Uint8Array[] =>
      nodes.map((node, i) =>
        i === at ? Uint8Array.from(node, (byte, j) => (j === 31 ? byte ^ 1 : byte)) : node,
      );
    for (const [i] of segmentRoots.entries())
      expect(runRoot(run, { segmentRoots: changed(segmentRoots, i), siblings })).not.toEqual(right);
    for (const [i] of siblings.entries())
      expect(runRoot(run, { segmentRoots, siblings: changed(siblings, i) })).not.toEqual(right);
    expect(runRoot({ ...run, first: 4 }, { segmentRoots, siblings })).not.toEqual(right);
    expect(runRoot({ ...run, size: size + 1 }, { segmentRoots, siblings })).not.toEqual(right);
    expect(runRoot(run, { segmentRoots, siblings: siblings.slice(1) })).toBeUndefined();
    expect(runRoot(run, { segmentRoots, siblings: [...siblings, right] })).toBeUndefined();
    expect(runRoot(run, { segmentRoots: segmentRoots.slice(1), siblings })).toBeUndefined();
    for (const [first, count] of [
      [-1, 1],
      [0, 0],
      [11, 2],
      [12, 1],
    ] as const)
      expect(() => runRoot({ size, first, count }, { segmentRoots, siblings })).toThrow(RangeError);
  });

  it("of the largest pieces has at most as many nodes as stated", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (one, two, three) => {
        const size = Number.MAX_SAFE_INTEGER - (one % 2 ** 30);
        const ranges = rangeCount(size);
        const first = two % ranges;
        const nodes = runSiblings({ size, first, count: 1 + (three % (ranges - first)) });
        return nodes.length <= maxRunNodes && nodes.every(({ index }) => index >= 0);
      }),
      { seed: 1, numRuns: 200 },
    );
    expect(rangeBytes).toBe(2_031_616);
  });
});
