/** R11: a proof is valid unchanged, and invalid after every change. */
import { describe, expect, it } from "vitest";
import { toHex } from "../../../storage/core/bytes.ts";
import { leafBytes, segmentBytes, pieceGeometry, treeIndex } from "../../../storage/core/geometry.ts";
import { leafHash, pieceRoot, rootHash, segmentLeaves, treeLevels } from "../../../storage/core/merkle.ts";
import { multiproofTop, siblingPositions } from "../../../storage/core/multiproof.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import {
  maxProofBytes,
  bytesProven,
  decodeProof,
  encodeProof,
  proofHash,
  verifyProof,
} from "../../../storage/core/proof.ts";
import type { PieceProof, Proof } from "../../../storage/core/proof.ts";
import { seededBytes, seededNumbers } from "../../support/files.ts";

/** Nodes of a whole piece in memory, lowest level first. */
function allLevels(bytes: Uint8Array): Uint8Array[][] {
  const { segments, paddedSegments } = pieceGeometry(bytes.length);
  const leaves: Uint8Array[] = [];
  const roots: Uint8Array[] = [];
  const lower: Uint8Array[][] = Array.from({ length: 7 }, () => []);
  for (let i = 0; i < segments; i++) {
    const own = segmentLeaves(bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes));
    const levels = treeLevels(own);
    for (let l = 0; l < 7; l++) lower[l]!.push(...levels[l]!);
    roots.push(levels[7]![0]!);
    leaves.push(...own);
  }
  while (roots.length < paddedSegments) roots.push(new Uint8Array(32));
  return [...lower, ...treeLevels(roots)];
}

function prove(bytes: Uint8Array, piece: number, leaves: readonly number[]): PieceProof {
  const levels = allLevels(bytes);
  const positions = siblingPositions(leaves.map(treeIndex), pieceGeometry(bytes.length).height);
  return {
    piece,
    leaves: leaves.map((leaf) => {
      const padded = new Uint8Array(leafBytes);
      padded.set(bytes.subarray(leaf * leafBytes, (leaf + 1) * leafBytes));
      return { leaf, bytes: padded };
    }),
    nodes: positions.map(({ level, index }) => levels[level]![index]!),
  };
}

const A = seededBytes(3 * segmentBytes + 1500, 1);
const B = seededBytes(2_500, 2);
const list: PieceList = makePieceList(
  [A, B].map((bytes) => ({ root: pieceRoot(bytes), size: bytes.length })),
);
const drawnLeaves = [
  [0, 3],
  [0, 3],
  [0, 4],
  [0, 123],
  [0, 124],
  [0, 300],
  [0, 371],
  [0, 373],
  [1, 0],
  [1, 2],
  [0, 5],
  [0, 6],
  [0, 7],
  [0, 200],
  [1, 2],
  [1, 2],
] as const;
const draws = drawnLeaves.map(([piece, leaf]) => ({ piece, leaf }));
const honest: Proof = {
  pieces: [prove(A, 0, [3, 4, 5, 6, 7, 123, 124, 200, 300, 371, 373]), prove(B, 1, [0, 2])],
};

const verify = (proof: Proof) => verifyProof({ list, draws, proof });

describe("an honest proof", () => {
  it("counts each draw: a leaf that is drawn three times counts three times", () => {
    expect(verify(honest)).toEqual({ ok: true, value: { proven: 16, bytesProven: list.totalBytes } });
    expect(verifyProof({ list, draws, proof: honest })).toEqual(verify(honest));
  });

  it("may omit leaves, and proves ⌊total × draws proven / 16⌋ bytes", () => {
    const without = (leaves: number[]) => verify({ pieces: [prove(A, 0, leaves)] });
    expect(without([3])).toMatchObject({ value: { proven: 2, bytesProven: (list.totalBytes * 2n) / 16n } });
    expect(without([371])).toMatchObject({ value: { proven: 1, bytesProven: list.totalBytes / 16n } });
    expect(verify({ pieces: [prove(B, 1, [2])] })).toMatchObject({ value: { proven: 3 } });
    expect(verify({ pieces: [] })).toEqual({ ok: true, value: { proven: 0, bytesProven: 0n } });
    expect(bytesProven(17n, 15)).toBe(15n);
    expect(bytesProven(2n ** 64n - 1n, 16)).toBe(2n ** 64n - 1n);
  });

  it("has no node that the verifier can compute", () => {
    const positions = siblingPositions([0, 1, 2, 3, 5], 4);
    expect(positions).toEqual([
      { level: 0, index: 4 },
      { level: 1, index: 3 },
      { level: 3, index: 1 },
    ]);
  });
});

describe("a changed proof is refused", () => {
  it("after a flip of any single bit", () => {
    const bytes = encodeProof(honest);
    const next = seededNumbers(3);
    const headBits = Array.from({ length: (2 + 7 + 11 * 8) * 8 }, (_, bit) => bit);
    const drawnBits = Array.from({ length: 600 }, () => next() % (bytes.length * 8));
    for (const bit of [...headBits, ...drawnBits]) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const decoded = decodeProof(changed);
      const accepted = decoded.ok && verify(decoded.value).ok;
      expect(accepted, `bit ${bit}`).toBe(false);
      expect(toHex(proofHash(changed)), `bit ${bit}`).not.toBe(toHex(proofHash(bytes)));
    }
  });

  it("with nodes missing, added, swapped, or of another piece", () => {
    const [a, b] = honest.pieces as [PieceProof, PieceProof];
    const zero = new Uint8Array(32);
    const bad: Proof[] = [
      { pieces: [{ ...a, nodes: a.nodes.slice(1) }] },
      { pieces: [{ ...a, nodes: a.nodes.slice(0, -1) }] },
      { pieces: [{ ...a, nodes: [...a.nodes, zero] }] },
      { pieces: [{ ...a, nodes: [a.nodes[1]!, a.nodes[0]!, ...a.nodes.slice(2)] }] },
      { pieces: [{ ...b, nodes: a.nodes }] },
      { pieces: [{ ...b, nodes: [] }] },
    ];
    for (const proof of bad) expect(verify(proof)).toMatchObject({ ok: false, code: "wrong-root" });
  });

  it("with a leaf that was not drawn, a duplicate, a wrong order, or an unknown piece", () => {
    const [a] = honest.pieces as [PieceProof];
    expect(verify({ pieces: [prove(A, 0, [8])] })).toMatchObject({ code: "not-drawn" });
    expect(verify({ pieces: [a, a] })).toMatchObject({ code: "not-drawn" });
    expect(verify({ pieces: [{ ...a, leaves: [a.leaves[0]!, ...a.leaves] }] })).toMatchObject({
      code: "not-drawn",
    });
    expect(verify({ pieces: [{ ...a, leaves: [a.leaves[1]!, a.leaves[0]!] }] })).toMatchObject({
      code: "order",
    });
    expect(verify({ pieces: [{ ...a, piece: 7 }] })).toMatchObject({ code: "not-drawn" });
    const absent = { list, draws: [{ piece: 7, leaf: 3 }], proof: { pieces: [prove(A, 7, [3])] } };
    expect(verifyProof(absent)).toMatchObject({ code: "not-drawn" });
  });

  it("with nonzero padding after the end of the file, even under a root over that padding", () => {
    const padded = new Uint8Array(3 * leafBytes);
    padded.set(B);
    padded[B.length + 5] = 1;
    const leaf = padded.subarray(2 * leafBytes);
    const levels = treeLevels(segmentLeaves(padded));
    const root = rootHash(B.length, levels[7]![0]!);
    const forged = makePieceList([{ root, size: B.length }]);
    const nodes = siblingPositions([2], 7).map(({ level, index }) => levels[level]![index]!);
    const top = multiproofTop([{ index: 2, hash: leafHash(leaf) }], nodes, 7);
    expect(toHex(top ?? new Uint8Array())).toBe(toHex(levels[7]![0]!));
    const proof = { pieces: [{ piece: 0, leaves: [{ leaf: 2, bytes: leaf }], nodes }] };
    expect(verifyProof({ list: forged, draws: [{ piece: 0, leaf: 2 }], proof })).toMatchObject({
      code: "padding",
    });
  });
});

describe("the bytes of a proof", () => {
  it("decode to the encoded proof, and the longest proof is within the limit", () => {
    const bytes = encodeProof(honest);
    const decoded = decodeProof(bytes);
    if (!decoded.ok) throw new Error(decoded.detail);
    expect(toHex(encodeProof(decoded.value))).toBe(toHex(bytes));
    expect(verify(decoded.value)).toEqual(verify(honest));
    const tallest = { piece: 0, leaves: [{ leaf: 1, bytes: new Uint8Array(leafBytes) }] };
    const nodes = Array.from({ length: 44 }, () => new Uint8Array(32));
    const longest = { pieces: Array.from({ length: 16 }, (_, piece) => ({ ...tallest, piece, nodes })) };
    expect(encodeProof(longest).length).toBeLessThanOrEqual(maxProofBytes);
    expect(decodeProof(encodeProof(longest)).ok).toBe(true);
    expect(pieceGeometry(Number.MAX_SAFE_INTEGER).height).toBeLessThanOrEqual(44);
  });

  it("are refused with a byte more or less, another version, or more than 16 leaves", () => {
    const bytes = encodeProof(honest);
    expect(decodeProof(bytes.subarray(0, -1))).toMatchObject({ code: "truncated" });
    expect(decodeProof(Buffer.concat([bytes, Buffer.of(0)]))).toMatchObject({ code: "trailing" });
    expect(decodeProof(Buffer.concat([Buffer.of(9), bytes.subarray(1)]))).toMatchObject({ code: "version" });
    expect(decodeProof(new Uint8Array(maxProofBytes + 1))).toMatchObject({ code: "too-large" });
    expect(decodeProof(new Uint8Array())).toMatchObject({ code: "truncated" });
    const one = { leaf: 0, bytes: new Uint8Array(leafBytes) };
    const leaves = Array.from({ length: 9 }, (_, leaf) => ({ ...one, leaf }));
    const many = { pieces: [0, 1].map((piece) => ({ piece, leaves, nodes: [] })) };
    expect(decodeProof(encodeProof(many))).toMatchObject({ code: "range" });
    expect(decodeProof(encodeProof({ pieces: [{ piece: 0, leaves: [], nodes: [] }] }))).toMatchObject({
      code: "range",
    });
    const order = { pieces: [{ piece: 0, leaves: [leaves[1]!, leaves[0]!], nodes: [] }] };
    expect(decodeProof(encodeProof(order))).toMatchObject({ code: "order" });
  });
});
