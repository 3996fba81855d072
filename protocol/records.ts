/** Records of challenges and the tree a keeper commits to (R13, R18). */
import { equalBytes, toHex } from "../storage/core/bytes.ts";
import { hashTagged, keccakWords, wordBytes, zeroHash } from "./hash.ts";
import type { Hex } from "./hash.ts";
import { digest, digestInto, hashInput, hashOfInput } from "./keccak.ts";

/** Why a challenge counts as failed (R13). */
export type FailureReason = "unreachable" | "late" | "refused" | "bad-proof" | "bad-receipt";

export type Outcome =
  | { readonly kind: "proven"; readonly bytes: bigint; readonly receiptHash: Hex }
  | { readonly kind: "failed"; readonly reason: FailureReason };

/** The record of one slot and provider, stored by the keeper that challenged. */
export type ChallengeRecord = {
  readonly provider: number;
  readonly slot: number;
  /** Hash of the slot's first block; the record is void if that block is no longer canonical (R13). */
  readonly blockHash: Hex;
  readonly outcome: Outcome;
};

/** R18: the leaf that a keeper commits to for one (provider, slot). R14 defines `carried` bytes. */
export type RecordLeaf =
  | { readonly kind: "proven"; readonly bytes: bigint; readonly receiptHash: Hex }
  | { readonly kind: "failed" }
  | { readonly kind: "carried"; readonly bytes: bigint };

const leafTag = { proven: 1, failed: 2, carried: 3 } as const;

/** 32 bytes. */
export function leafHash(provider: number, slot: number, leaf: RecordLeaf): Uint8Array {
  const bytes = leaf.kind === "failed" ? 0n : leaf.bytes;
  const receipt = leaf.kind === "proven" ? leaf.receiptHash : zeroHash;
  hashTagged([0x00, leafTag[leaf.kind]], [provider, slot, bytes, receipt]);
  return digest();
}

/** Hashes a node of the tree. Read the digest next. */
function hashNode(left: Uint8Array, right: Uint8Array): void {
  const input = hashInput();
  input[0] = 0x01;
  input.set(left, 1);
  input.set(right, 1 + wordBytes);
  hashOfInput(1 + 2 * wordBytes);
}

/** View of one node in concatenated nodes. */
function nodeAt(nodes: Uint8Array, place: number): Uint8Array {
  return nodes.subarray(place * wordBytes, (place + 1) * wordBytes);
}

/**
 * A binary tree over `leaves`, padded with zero hashes to a power of two. Its nodes are concatenated, 32 bytes each: the top is
 * node 1, the children of node i are 2i and 2i + 1. Bytes and not hex, because hex would double the cost.
 */
function treeNodes(leaves: readonly Uint8Array[]): Uint8Array {
  let width = 1;
  while (width < leaves.length) width *= 2;
  const nodes = new Uint8Array(2 * width * wordBytes);
  leaves.forEach((leaf, i) => nodes.set(leaf, (width + i) * wordBytes));
  for (let place = width - 1; place > 0; place--) {
    hashNode(nodeAt(nodes, 2 * place), nodeAt(nodes, 2 * place + 1));
    digestInto(nodes, place * wordBytes);
  }
  return nodes;
}

/** The root includes the number of leaves, so a padded tree and a smaller tree have different roots. */
function rootOf(top: Uint8Array, leaves: number): Hex {
  return keccakWords(2, leaves, toHex(top));
}

/** Sibling hashes from the leaf to the top, 32 bytes each, concatenated. */
export function treePath({ nodes }: Pick<RecordTree, "nodes">, index: number): Uint8Array {
  const width = nodes.length / wordBytes / 2;
  const path = new Uint8Array(Math.log2(width) * wordBytes);
  for (let place = width + index, at = 0; place > 1; place >>>= 1, at += wordBytes) {
    path.set(nodeAt(nodes, place ^ 1), at);
  }
  return path;
}

/**
 * Checks leaves of one tree against its root. Paths share their upper nodes: a check stops at the first node that an earlier
 * check verified, and the rest of the path must equal the verified nodes above it.
 */
export class TreePaths {
  readonly #root: Hex;
  readonly #leafCount: number;
  readonly #depth: number;
  /** Verified nodes by their position in the tree. */
  readonly #known = new Map<number, Uint8Array>();

  constructor(root: Hex, leafCount: number) {
    this.#root = root;
    this.#leafCount = leafCount;
    this.#depth = Math.ceil(Math.log2(Math.max(leafCount, 1)));
  }

  /** Whether the tree has `leaf` at `index`; `path` has the siblings as `treePath` returns them. */
  holds(index: number, leaf: Uint8Array, path: Uint8Array): boolean {
    if (path.length !== this.#depth * wordBytes) return false;
    const bottom = 2 ** this.#depth + index;
    const climbed: Uint8Array[] = [];
    let place = bottom;
    let node = leaf;
    for (let depth = 0; depth < this.#depth && !this.#known.has(place); depth++) {
      climbed.push(node);
      const sibling = nodeAt(path, depth);
      if (place % 2 === 1) hashNode(sibling, node);
      else hashNode(node, sibling);
      node = digest();
      place >>>= 1;
    }
    const known = this.#known.get(place);
    const holds =
      known === undefined ? rootOf(node, this.#leafCount) === this.#root : equalBytes(known, node);
    if (!holds || !this.#knownAbove(place, path)) return false;
    this.#known.set(place, node);
    climbed.forEach((hash, depth) => {
      this.#known.set(bottom >>> depth, hash);
      this.#known.set((bottom >>> depth) ^ 1, nodeAt(path, depth));
    });
    return true;
  }

  /** Whether the part of a path above a verified node equals the nodes that were verified there. */
  #knownAbove(from: number, path: Uint8Array): boolean {
    let place = from;
    for (let depth = this.#depth - Math.floor(Math.log2(from)); depth < this.#depth; depth++) {
      const known = this.#known.get(place ^ 1);
      if (known === undefined || !equalBytes(known, nodeAt(path, depth))) return false;
      place >>>= 1;
    }
    return true;
  }
}

/** The slots [fromSlot, toSlot) in which one provider has bytes committed (R18). */
export type ProviderSlots = { readonly provider: number; readonly fromSlot: number; readonly toSlot: number };

/** Leaves of every record tree of a turn: ascending by provider, then by slot. */
export type RecordScope = readonly ProviderSlots[];

export type LeafKey = { readonly provider: number; readonly slot: number };

export function leafCount(scope: RecordScope): number {
  return scope.reduce((sum, { fromSlot, toSlot }) => sum + toSlot - fromSlot, 0);
}

/** Index of a leaf in the tree; undefined if the scope does not have the leaf. */
export function leafIndex(scope: RecordScope, { provider, slot }: LeafKey): number | undefined {
  let before = 0;
  for (const range of scope) {
    if (range.provider === provider) {
      return slot >= range.fromSlot && slot < range.toSlot ? before + slot - range.fromSlot : undefined;
    }
    before += range.toSlot - range.fromSlot;
  }
  return undefined;
}

/** @throws RangeError if the scope has no leaf `index` */
export function leafKeyAt(scope: RecordScope, index: number): LeafKey {
  let rest = index;
  for (const { provider, fromSlot, toSlot } of scope) {
    if (rest < toSlot - fromSlot) return { provider, slot: fromSlot + rest };
    rest -= toSlot - fromSlot;
  }
  throw new RangeError(`leaf: expected below ${leafCount(scope)}, actual ${index}`);
}

/** One keeper's records over a scope, as it commits to them (R18). */
export type RecordTree = {
  readonly scope: RecordScope;
  /** In the order of the scope. */
  readonly leaves: readonly RecordLeaf[];
  /** Concatenated, 32 bytes each: the top is node 1, the children of node i are 2i and 2i + 1. */
  readonly nodes: Uint8Array;
  readonly root: Hex;
};

/** Leaves of one provider, ascending by slot; none if the scope does not have the provider. */
export function leavesOf({ scope, leaves }: RecordTree, provider: number): readonly RecordLeaf[] {
  const range = scope.find((r) => r.provider === provider);
  if (range === undefined || range.toSlot === range.fromSlot) return [];
  const first = leafIndex(scope, { provider, slot: range.fromSlot }) ?? 0;
  return leaves.slice(first, first + range.toSlot - range.fromSlot);
}

export function recordTree(scope: RecordScope, leaves: readonly RecordLeaf[]): RecordTree {
  const hashes: Uint8Array[] = [];
  for (const { provider, fromSlot, toSlot } of scope) {
    for (let slot = fromSlot; slot < toSlot; slot++) {
      hashes.push(leafHash(provider, slot, leaves[hashes.length] as RecordLeaf));
    }
  }
  const nodes = treeNodes(hashes);
  return { scope, leaves, nodes, root: rootOf(nodeAt(nodes, 1), hashes.length) };
}
