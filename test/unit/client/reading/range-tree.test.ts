/** Which ranges a wrong top condemns: as few as the known nodes allow. */
import { expect, it } from "vitest";
import { RangeTree } from "../../../../client/reading/range-tree.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { nodeHash, rootHash } from "../../../../storage/core/merkle.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { seededBytes } from "../../../support/files.ts";

const [a, b, c, d] = [1, 2, 3, 4].map((seed) => seededBytes(32, seed)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const size = 4 * rangeBytes;
const [left, right] = [nodeHash(a, b), nodeHash(c, d)];
const root = toHex(rootHash(size, nodeHash(left, right)));
const other = seededBytes(32, 5);

it("without a proof all ranges are judged together, once each has its bytes", () => {
  const tree = new RangeTree(root, size);
  for (const [range, top] of [a, b, other].entries()) tree.set(range, top);
  expect(tree.judge(0)).toEqual({ from: 0, to: 4, state: "open" });
  tree.set(3, d);
  expect(tree.judge(0)).toEqual({ from: 0, to: 4, state: "wrong" });
  tree.set(2, undefined);
  expect(tree.judge(0)).toEqual({ from: 0, to: 4, state: "open" });
  tree.set(2, c);
  expect(tree.judge(0)).toEqual({ from: 0, to: 4, state: "right" });
});

it("after a proof each range is judged below the lowest node that the proof shows", () => {
  const tree = new RangeTree(root, size);
  expect(tree.learn(0, a, [b, right])).toEqual([0, 1, 2]);
  tree.set(1, other);
  expect(tree.judge(1)).toEqual({ from: 1, to: 2, state: "wrong" });
  tree.set(1, b);
  expect(tree.judge(1)).toEqual({ from: 1, to: 2, state: "right" });
  tree.set(3, d);
  expect(tree.judge(3)).toEqual({ from: 2, to: 4, state: "open" });
  tree.set(2, other);
  expect(tree.judge(3)).toEqual({ from: 2, to: 4, state: "wrong" });
  tree.set(2, c);
  expect(tree.judge(2)).toEqual({ from: 2, to: 4, state: "right" });
});
