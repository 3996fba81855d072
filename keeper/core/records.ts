/** Records of challenges and the tree a keeper commits to (R13, R18). */
import { fromHex, keccak, keccakWords, word, zeroHash } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** Why a challenge counts as failed (R13). */
export type FailureReason = "unreachable" | "late" | "refused" | "bad-proof" | "bad-receipt";

export type Outcome =
  | { readonly kind: "proven"; readonly bytes: bigint; readonly receiptHash: Hex }
  | { readonly kind: "failed"; readonly reason: FailureReason };

/** One record a slot and provider, kept by the keeper that asked. */
export type ChallengeRecord = {
  readonly provider: number;
  readonly slot: number;
  /** Hash of the slot's first block: a record of a block that is no longer canonical is none (R13). */
  readonly blockHash: Hex;
  readonly outcome: Outcome;
};

/** R18: what a keeper commits to for one (provider, slot). `carried` bytes are those that R14 gives the slot. */
export type RecordLeaf =
  | { readonly kind: "proven"; readonly bytes: bigint; readonly receiptHash: Hex }
  | { readonly kind: "failed" }
  | { readonly kind: "carried"; readonly bytes: bigint };

const leafTag = { proven: 1, failed: 2, carried: 3 } as const;

export function leafHash(provider: number, slot: number, leaf: RecordLeaf): Hex {
  const bytes = leaf.kind === "failed" ? 0n : leaf.bytes;
  const receipt = leaf.kind === "proven" ? leaf.receiptHash : zeroHash;
  return keccak(
    Uint8Array.of(0x00, leafTag[leaf.kind]),
    word(provider),
    word(slot),
    word(bytes),
    fromHex(receipt),
  );
}

function nodeHash(left: Hex, right: Hex): Hex {
  return keccak(Uint8Array.of(0x01), fromHex(left), fromHex(right));
}

/** All levels of a binary tree over `leaves`, padded with zero hashes to a power of two; level 0 are the leaves. */
export function treeLevels(leaves: readonly Hex[]): Hex[][] {
  let level = [...leaves];
  while (level.length === 0 || (level.length & (level.length - 1)) !== 0) level.push(zeroHash);
  const levels = [level];
  while (level.length > 1) {
    const above: Hex[] = [];
    for (let i = 0; i < level.length; i += 2) above.push(nodeHash(level[i] as Hex, level[i + 1] as Hex));
    levels.push(above);
    level = above;
  }
  return levels;
}

/** The number of leaves is part of the root, so that a padded tree cannot be passed off as a smaller one. */
export function treeRoot(levels: readonly (readonly Hex[])[], leafCount: number): Hex {
  const top = levels.at(-1)?.[0] ?? zeroHash;
  return rootOf(top, leafCount);
}

function rootOf(top: Hex, leafCount: number): Hex {
  return keccakWords(2, leafCount, top);
}

/** Siblings from the leaf up to the top. */
export function treePath(levels: readonly (readonly Hex[])[], index: number): Hex[] {
  return levels.slice(0, -1).map((level, depth) => level[(index >> depth) ^ 1] ?? zeroHash);
}

export function pathHolds(
  root: Hex,
  leafCount: number,
  index: number,
  leaf: Hex,
  path: readonly Hex[],
): boolean {
  if (path.length !== Math.ceil(Math.log2(Math.max(leafCount, 1)))) return false;
  let node = leaf;
  path.forEach((sibling, depth) => {
    node = (index >> depth) & 1 ? nodeHash(sibling, node) : nodeHash(node, sibling);
  });
  return rootOf(node, leafCount) === root;
}

/** A record tree that stands for many slots of several providers at once. */
export type RecordTree = {
  readonly providers: readonly number[];
  readonly fromSlot: number;
  readonly toSlot: number;
  /** Provider-major, slots ascending. */
  readonly leaves: readonly RecordLeaf[];
  readonly levels: readonly (readonly Hex[])[];
  readonly root: Hex;
};

export function recordTree(
  providers: readonly number[],
  fromSlot: number,
  toSlot: number,
  leaves: readonly RecordLeaf[],
): RecordTree {
  const slots = toSlot - fromSlot;
  const hashes = leaves.map((leaf, i) =>
    leafHash(providers[Math.floor(i / slots)] as number, fromSlot + (i % slots), leaf),
  );
  const levels = treeLevels(hashes);
  return { providers, fromSlot, toSlot, leaves, levels, root: treeRoot(levels, hashes.length) };
}
