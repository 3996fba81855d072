import { ByteWriter, concatBytes, decode, equalBytes } from "./bytes.ts";
import type { ByteReader, DecodeCode } from "./bytes.ts";
import { hashBytes, leafBytes, leafPayloadBytes, pieceGeometry, treeIndex } from "./geometry.ts";
import { domainTags, leafHash, rootHash } from "./merkle.ts";
import { multiproofTop } from "./multiproof.ts";
import type { PieceList } from "./piece-list.ts";
import { sha256 } from "./primitives.ts";
import { accept, reject } from "./result.ts";
import type { Result } from "./result.ts";
import { leavesPerChallenge } from "./sampling.ts";
import type { Draw } from "./sampling.ts";

const proofVersion = 1;
/** A piece of 2^53 bytes has 37 levels above its segments. */
const maxHeight = 44;
const maxNodes = leavesPerChallenge * maxHeight;
/** 16 leaves, each in a piece of its own of the greatest height: 39,154 bytes, rounded up. */
export const maxProofBytes = 40 * 1024;

export type PieceProof = {
  /** Index in the piece list. */
  readonly piece: number;
  /** Proven leaves, ascending by data-leaf index, each 1024 bytes (zero-padded). */
  readonly leaves: readonly { readonly leaf: number; readonly bytes: Uint8Array }[];
  /** The multiproof's nodes in the order of `siblingPositions`. */
  readonly nodes: readonly Uint8Array[];
};

/** R11: leaves with one multiproof for each piece, ascending by piece. Drawn leaves may be missing. */
export type Proof = {
  readonly pieces: readonly PieceProof[];
};

/**
 * Canonical form, big-endian: version u8, pieces u8, then for each piece: index u32, leaves u8, nodes u16, the leaf
 * indices u64 each, the leaves 1024 bytes each, the nodes 32 bytes each. Pieces and leaves strictly ascend.
 */
export function encodeProof(proof: Proof): Uint8Array {
  const out = new ByteWriter().u8(proofVersion).u8(proof.pieces.length);
  for (const piece of proof.pieces) {
    out.u32(piece.piece).u8(piece.leaves.length).u16(piece.nodes.length);
    for (const { leaf } of piece.leaves) out.u64(leaf);
    for (const { bytes } of piece.leaves) out.bytes(bytes, leafBytes);
    for (const node of piece.nodes) out.bytes(node, hashBytes);
  }
  return out.finish();
}

/** Rejects bytes that `encodeProof` does not produce; never throws. The result has views of `bytes`. */
export function decodeProof(bytes: Uint8Array): Result<Proof, DecodeCode> {
  return decode(bytes, maxProofBytes, (reader) => {
    const version = reader.u8("proof version");
    if (version !== proofVersion) {
      reader.fail("version", `proof version: expected ${proofVersion}, actual ${version}`);
    }
    const count = reader.u8("piece count");
    if (count > leavesPerChallenge) reader.fail("range", `pieces: expected at most 16, actual ${count}`);
    const pieces: PieceProof[] = [];
    let leaves = 0;
    for (let i = 0; i < count; i++) {
      const piece = readPiece(reader, pieces[i - 1]?.piece ?? -1);
      leaves += piece.leaves.length;
      if (leaves > leavesPerChallenge) reader.fail("range", `leaves: expected at most 16, actual ${leaves}`);
      pieces.push(piece);
    }
    return { pieces };
  });
}

function readPiece(reader: ByteReader, previous: number): PieceProof {
  const piece = reader.u32("piece index");
  if (piece <= previous) reader.fail("order", `piece index: expected above ${previous}, actual ${piece}`);
  const leafCount = reader.u8("leaf count");
  if (leafCount < 1 || leafCount > leavesPerChallenge) {
    reader.fail("range", `leaves of piece ${piece}: expected 1 to 16, actual ${leafCount}`);
  }
  const nodeCount = reader.u16("node count");
  if (nodeCount > maxNodes) {
    reader.fail("range", `nodes of piece ${piece}: expected at most ${maxNodes}, actual ${nodeCount}`);
  }
  const indices: number[] = [];
  for (let i = 0; i < leafCount; i++) {
    const leaf = reader.u64("leaf index");
    const before = indices[i - 1] ?? -1;
    if (leaf <= before) reader.fail("order", `leaf index: expected above ${before}, actual ${leaf}`);
    indices.push(leaf);
  }
  const leaves = indices.map((leaf) => ({ leaf, bytes: reader.view(leafBytes, "leaf") }));
  const nodes = Array.from({ length: nodeCount }, () => reader.view(hashBytes, "node"));
  return { piece, leaves, nodes };
}

/** The proof hash in a receipt: SHA-256(04 ‖ canonical bytes). */
export function proofHash(proofBytes: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(domainTags.proof), proofBytes));
}

export type ProofCode = "not-drawn" | "order" | "padding" | "wrong-root";

export type ProvenSample = {
  /** Number of the 16 draws whose leaf is proven; a leaf that is drawn k times counts k times. */
  readonly proven: number;
  /** R11: ⌊total bytes × proven / 16⌋. */
  readonly bytesProven: bigint;
};

/**
 * Checks every leaf of the proof against its piece's root. One wrong leaf or node, or one leaf that is not drawn, invalidates the
 * whole proof: an honest provider omits a leaf that it cannot prove.
 */
export function verifyProof(input: {
  readonly list: PieceList;
  readonly draws: readonly Draw[];
  readonly proof: Proof;
}): Result<ProvenSample, ProofCode> {
  const { list, draws, proof } = input;
  const drawn = new Map<string, number>();
  for (const draw of draws) drawn.set(drawKey(draw), (drawn.get(drawKey(draw)) ?? 0) + 1);
  let proven = 0;
  for (const piece of proof.pieces) {
    for (const { leaf } of piece.leaves) {
      const key = drawKey({ piece: piece.piece, leaf });
      const times = drawn.get(key);
      if (times === undefined) {
        return reject("not-drawn", `piece ${piece.piece} leaf ${leaf} was not drawn, or appears twice`);
      }
      drawn.delete(key);
      proven += times;
    }
    const checked = verifyPiece(list, piece);
    if (!checked.ok) return checked;
  }
  return accept({ proven, bytesProven: bytesProven(list.totalBytes, proven) });
}

export function bytesProven(totalBytes: bigint, proven: number): bigint {
  if (proven === leavesPerChallenge) return totalBytes;
  return (totalBytes * BigInt(proven)) / BigInt(leavesPerChallenge);
}

function drawKey(draw: Draw): string {
  return `${draw.piece}/${draw.leaf}`;
}

function verifyPiece(list: PieceList, proof: PieceProof): Result<true, ProofCode> {
  const entry = list.pieces.at(proof.piece);
  if (entry === undefined)
    return reject("not-drawn", `piece ${proof.piece}: expected below ${list.pieces.length}`);
  const { height, size } = pieceGeometry(entry.size);
  const leaves: { index: number; hash: Uint8Array }[] = [];
  let before = -1;
  for (const { leaf, bytes } of proof.leaves) {
    if (leaf <= before) return reject("order", `leaf: expected above ${before}, actual ${leaf}`);
    before = leaf;
    // R10 pads with zeros, so a root over other padding is invalid.
    if (bytes.subarray(leafPayloadBytes(size, leaf)).some((byte) => byte !== 0)) {
      return reject("padding", `piece ${proof.piece} leaf ${leaf}: expected zeros after the end of the file`);
    }
    leaves.push({ index: treeIndex(leaf), hash: leafHash(bytes) });
  }
  const top = multiproofTop(leaves, proof.nodes, height);
  const root = top && rootHash(size, top);
  if (root === undefined || !equalBytes(root, entry.root)) {
    return reject("wrong-root", `piece ${proof.piece}: leaves and nodes do not lead to the piece's root`);
  }
  return accept(true);
}
