import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, keccak, keccakWords, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { concatBytes } from "../../../storage/core/bytes.ts";
import { RecordScope, TreePaths, leafHash, recordTree, treePath } from "../../../protocol/records.ts";
import type { RecordLeaf } from "../../../protocol/records.ts";

/** Reference model: checks every path to the top without a cache. */
function leadsToRoot(
  root: Hex,
  leafCount: number,
  index: number,
  leaf: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (2 ** path.length < leafCount || (path.length > 0 && 2 ** (path.length - 1) >= leafCount)) return false;
  let node = leaf;
  path.forEach((sibling, depth) => {
    const [left, right] = Math.floor(index / 2 ** depth) % 2 === 1 ? [sibling, node] : [node, sibling];
    node = fromHex(keccak(Uint8Array.of(1), left, right));
  });
  return keccakWords(2, leafCount, toHex(node)) === root;
}

function treeOf(providers: number, slots: number): ReturnType<typeof recordTree> {
  const leaves = Array.from({ length: providers * slots }, (_, i): RecordLeaf => {
    if (i % 5 === 4) return { kind: "failed" };
    if (i % 7 === 3) return { kind: "carried", bytes: BigInt(i) };
    return { kind: "proven", bytes: BigInt(i) << 70n, receiptHash: keccakWords(i) };
  });
  const ranges = Array.from({ length: providers }, (_, i) => ({
    group: 1 + Math.floor(i / 2),
    provider: 3 * i,
    fromSlot: 100,
    toSlot: 100 + slots,
  }));
  return recordTree(new RecordScope(ranges), leaves);
}

function opened(
  tree: ReturnType<typeof recordTree>,
  index: number,
): { leaf: Uint8Array; path: Uint8Array[] } {
  const leaf = leafHash(tree.scope.keyAt(index), tree.leaves[index] as RecordLeaf);
  const path = treePath(tree, index);
  return { leaf, path: Array.from({ length: path.length / 32 }, (_, i) => path.slice(32 * i, 32 * i + 32)) };
}

describe("paths of one tree checked together (R21)", () => {
  it("are valid for every leaf in any order, in trees of every shape", () => {
    for (const [providers, slots] of [
      [1, 1],
      [1, 2],
      [3, 1],
      [2, 4],
      [3, 12],
      [5, 7],
    ] as const) {
      const tree = treeOf(providers, slots);
      const paths = new TreePaths(tree.root, tree.leaves.length);
      const order = tree.leaves.map((_, i) => (i * 5 + 2) % tree.leaves.length);
      for (const index of [...order, ...tree.leaves.keys()]) {
        const { leaf, path } = opened(tree, index);
        expect(paths.holds(index, leaf, concatBytes(...path))).toBe(true);
      }
    }
  });

  it("are valid exactly if each is valid alone, for every fault and every order of checks", () => {
    const tree = treeOf(3, 12);
    const leafCount = tree.leaves.length;
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const index = fc.nat(leafCount - 1);
    const spoiling = fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      fc.record({ kind: fc.constant("leaf" as const), hash }),
      fc.record({ kind: fc.constant("sibling" as const), at: fc.nat(5), hash }),
      fc.record({ kind: fc.constant("index" as const), other: index }),
      fc.record({ kind: fc.constant("length" as const), keep: fc.nat(5) }),
    );
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(fc.array(fc.tuple(index, spoiling), { minLength: 1, maxLength: 20 }), (asked) => {
        const paths = new TreePaths(tree.root, leafCount);
        for (const [at, wrong] of asked) {
          let { leaf, path } = opened(tree, at);
          if (wrong?.kind === "leaf") leaf = wrong.hash;
          if (wrong?.kind === "sibling") path = path.with(wrong.at, wrong.hash);
          if (wrong?.kind === "length") path = path.slice(0, wrong.keep);
          const place = wrong?.kind === "index" ? wrong.other : at;
          const expected = leadsToRoot(tree.root, leafCount, place, leaf, path);
          outcomes.add(expected);
          expect(paths.holds(place, leaf, concatBytes(...path))).toBe(expected);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });

  it("are invalid against the root of a tree with another number of leaves", () => {
    const tree = treeOf(3, 12);
    const { leaf, path } = opened(tree, 0);
    expect(new TreePaths(tree.root, 36).holds(0, leaf, concatBytes(...path))).toBe(true);
    expect(new TreePaths(tree.root, 35).holds(0, leaf, concatBytes(...path))).toBe(false);
  });
});
