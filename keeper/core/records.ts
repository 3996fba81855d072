/** Records of challenges and the tree a keeper commits to (R13, R18). */
import { keccak, keccakWords, wordBytes, writeWords, zeroHash } from "./hash.ts";
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
  leafInput[1] = leafTag[leaf.kind];
  writeWords(leafInput, 2, [provider, slot, bytes, receipt]);
  return keccak(leafInput);
}

// What is hashed for a leaf and for a node is of one size and asked for by the thousand: written in place each time.
const leafInput = new Uint8Array(2 + 4 * wordBytes);
const nodeInput = new Uint8Array(1 + 2 * wordBytes);
nodeInput[0] = 0x01;

function nodeHash(left: Hex, right: Hex): Hex {
  writeWords(nodeInput, 1, [left, right]);
  return keccak(nodeInput);
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

/**
 * Checks leaves of one tree against its root. Paths share their upper nodes, so the climb from a leaf ends at the first node
 * that is known already: the rest of its path then has to be what is known above it.
 */
export class TreePaths {
  readonly #root: Hex;
  readonly #leafCount: number;
  readonly #depth: number;
  /** Verified nodes by their place: the top is 1, the children of i are 2i and 2i + 1. */
  readonly #known = new Map<number, Hex>();

  constructor(root: Hex, leafCount: number) {
    this.#root = root;
    this.#leafCount = leafCount;
    this.#depth = Math.ceil(Math.log2(Math.max(leafCount, 1)));
  }

  /** Whether `leaf` is the tree's at `index`; `path` its siblings from there up to the top. */
  holds(index: number, leaf: Hex, path: readonly Hex[]): boolean {
    if (path.length !== this.#depth) return false;
    const bottom = 2 ** this.#depth + index;
    const climbed: Hex[] = [];
    let place = bottom;
    let node = leaf;
    for (const sibling of path) {
      if (this.#known.has(place)) break;
      climbed.push(node);
      node = place % 2 === 1 ? nodeHash(sibling, node) : nodeHash(node, sibling);
      place >>>= 1;
    }
    const known = this.#known.get(place);
    const holds = known === undefined ? rootOf(node, this.#leafCount) === this.#root : known === node;
    if (!holds || !this.#knownAbove(place, path)) return false;
    this.#known.set(place, node);
    climbed.forEach((hash, depth) => {
      this.#known.set(bottom >>> depth, hash);
      this.#known.set((bottom >>> depth) ^ 1, path[depth] as Hex);
    });
    return true;
  }

  /** Whether what is left of a path above a known node is what was verified there. */
  #knownAbove(from: number, path: readonly Hex[]): boolean {
    let place = from;
    for (let depth = this.#depth - Math.floor(Math.log2(from)); depth < path.length; depth++) {
      if (this.#known.get(place ^ 1) !== path[depth]) return false;
      place >>>= 1;
    }
    return true;
  }
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
