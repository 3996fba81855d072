/** What an object store is asked for: enough for a proof of any leaf, in few requests, for pieces of every size. */
import { describe, expect, it } from "vitest";
import { treeIndex } from "../../../storage/core/geometry.ts";
import { nodeHash } from "../../../storage/core/merkle.ts";
import { siblingPositions } from "../../../storage/core/multiproof.ts";
import { TreeAccumulator } from "../../../storage/core/tree-accumulator.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";
import { maxObjectBytes, partBytesOf, partCount } from "../../../storage/objects/parts.ts";
import { spansOfPage, wantedForLeaves } from "../../../storage/objects/reads.ts";
import { seededBytes, seededNumbers } from "../../support/files.ts";

const segment = 124 * 1024;
const gibibyte = 1024 ** 3;
const sizes = [
  1,
  5_000,
  60 * segment,
  130 * segment,
  2_049 * segment,
  2_100 * segment - 7,
  gibibyte,
  64 * gibibyte,
  1024 * gibibyte,
];

describe("the ranges for 16 leaves", () => {
  it.each(sizes)("of a piece of %i bytes hold every node of their proof above the segments", (size) => {
    const layout = treeLayout(size);
    const next = seededNumbers(size % 1_000_003);
    const all = Math.ceil(size / 1024);
    // With the last one: its page of the tree is a short one.
    const leaves = [...new Set([...Array.from({ length: 15 }, () => next() % all), all - 1])].sort(
      (a, b) => a - b,
    );
    const wanted = wantedForLeaves(size, leaves);
    expect(wanted.length).toBeLessThanOrEqual(3 * leaves.length + 1);
    for (const { start, length, kind } of wanted) {
      const end = { data: size, tree: layout.fileBytes, upper: layout.fileBytes };
      // A page is of one level, and ends with it.
      expect(start + length).toBeLessThanOrEqual(kind === "page" ? layout.nodeOffset(1, 0) : end[kind]);
      expect(length).toBeLessThanOrEqual(kind === "upper" ? gibibyte / 512 : 128 * 1024);
    }
    const held = wanted
      .filter(({ kind }) => kind !== "data")
      .flatMap(({ kind, start, length }) =>
        kind === "page"
          ? spansOfPage(size, { start, bytes: Buffer.alloc(length) })
          : [{ start, bytes: { length } }],
      );
    const height = layout.topHeight + 7;
    for (const { level, index } of siblingPositions(leaves.map(treeIndex), height)) {
      if (level < 7 || index >= layout.nodeCount(level - 7)) continue;
      const at = layout.nodeOffset(level - 7, index);
      expect(held.some(({ start, bytes }) => start <= at && at + 32 <= start + bytes.length)).toBe(true);
    }
  });
});

it("computes the nodes over a page as the tree has them, also at its right edge", () => {
  const segments = 2_100;
  const size = segments * segment - 5;
  const layout = treeLayout(size);
  const roots = Array.from({ length: segments }, (_, i) => seededBytes(32, i));
  const nodes = new Map<number, Uint8Array>();
  const accumulator = new TreeAccumulator(segments, (level, index, hash) =>
    nodes.set(layout.nodeOffset(level, index), hash),
  );
  for (const [i, root] of roots.entries()) accumulator.add(i, root);
  accumulator.finish();
  expect(nodeHash(roots[0] as Uint8Array, roots[1] as Uint8Array)).toEqual(
    nodes.get(layout.nodeOffset(1, 0)),
  );
  for (const page of [0, 256, 2_048]) {
    const bytes = Buffer.concat(roots.slice(page, page + 256));
    const [, ...levels] = spansOfPage(size, { start: layout.nodeOffset(0, page), bytes });
    expect(levels).toHaveLength(7);
    for (const { start, bytes: computed } of levels) {
      for (let at = 0; at < computed.length; at += 32) {
        expect(Buffer.compare(computed.subarray(at, at + 32), nodes.get(start + at) as Uint8Array)).toBe(0);
      }
    }
  }
});

it("cuts every piece in parts that stores accept", () => {
  for (const size of [1, 10_000_000, 81e9, 82e9, 1024 * gibibyte, maxObjectBytes]) {
    expect(partCount(size)).toBeLessThanOrEqual(10_000);
    expect(partBytesOf(size)).toBeGreaterThan(5 * 1024 * 1024);
    expect(partBytesOf(size)).toBeLessThanOrEqual(128 * 1024 * 1024);
  }
});
