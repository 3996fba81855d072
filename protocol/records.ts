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

/** A provider of a group in a committee: the group's number and the provider's index in the group, neither ever reused. */
export type ProviderName = { readonly group: number; readonly provider: number };

/** Keys of smaller numbers are kept in a table of fixed size: a map hashes a new string again, even if an equal one was used before. */
const [keptGroups, keptProviders] = [1024, 64];
const keptKeys: (string | undefined)[] = Array.from({ length: keptGroups * keptProviders });

/** Key of a provider in maps. */
export function providerKey({ group, provider }: ProviderName): string {
  if (group >= keptGroups || provider >= keptProviders) return `${group}/${provider}`;
  return (keptKeys[group * keptProviders + provider] ??= `${group}/${provider}`);
}

/** For messages to people. */
export function providerText({ group, provider }: ProviderName): string {
  return `group ${group}, provider ${provider}`;
}

/** The record of one slot and provider, stored by the keeper that challenged. */
export type ChallengeRecord = ProviderName & {
  readonly slot: number;
  /** Hash of the slot's first block; the record is void if that block is no longer canonical (R13). */
  readonly blockHash: Hex;
  readonly outcome: Outcome;
};

/** R18: the leaf that a keeper commits to for one (group, provider, slot). R14 defines `carried` bytes. */
export type RecordLeaf =
  | { readonly kind: "proven"; readonly bytes: bigint; readonly receiptHash: Hex }
  | { readonly kind: "failed" }
  | { readonly kind: "carried"; readonly bytes: bigint };

const leafTag = { proven: 1, failed: 2, carried: 3 } as const;

/** 32 bytes. */
export function leafHash(key: LeafKey, leaf: RecordLeaf): Uint8Array {
  hashLeaf(key.group, key.provider, key.slot, leaf);
  return digest();
}

/** Hashes a leaf of the tree. Read the digest next. */
function hashLeaf(group: number, provider: number, slot: number, leaf: RecordLeaf): void {
  const bytes = leaf.kind === "failed" ? 0n : leaf.bytes;
  const receipt = leaf.kind === "proven" ? leaf.receiptHash : zeroHash;
  hashTagged([0x00, leafTag[leaf.kind]], [group, provider, slot, bytes, receipt]);
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
function treeNodes(scope: RecordScope, leaves: readonly RecordLeaf[]): Uint8Array {
  let width = 1;
  while (width < scope.leafCount) width *= 2;
  const nodes = new Uint8Array(2 * width * wordBytes);
  let index = 0;
  for (const { group, provider, fromSlot, toSlot } of scope.ranges) {
    for (let slot = fromSlot; slot < toSlot; slot++, index++) {
      hashLeaf(group, provider, slot, leaves[index] as RecordLeaf);
      digestInto(nodes, (width + index) * wordBytes);
    }
  }
  // Level by level: the nodes with a leaf below come first, then those with padding alone.
  let filled = scope.leafCount;
  for (let first = width >>> 1, height = 1; first > 0; first >>>= 1, height++) {
    filled = Math.ceil(filled / 2);
    for (let place = first; place < first + filled; place++) {
      hashChildren(nodes, place);
      digestInto(nodes, place * wordBytes);
    }
    for (let place = first + filled; place < 2 * first; place++) {
      nodes.set(paddingNode(height), place * wordBytes);
    }
  }
  return nodes;
}

/** Hashes the two children of a node, which lie side by side. Read the digest next. */
function hashChildren(nodes: Uint8Array, place: number): void {
  const input = hashInput();
  input[0] = 0x01;
  const children = 2 * place * wordBytes;
  for (let i = 0; i < 2 * wordBytes; i++) input[1 + i] = nodes[children + i] as number;
  hashOfInput(1 + 2 * wordBytes);
}

/** By height above the leaves. */
const paddingNodes: Uint8Array[] = [new Uint8Array(wordBytes)];

/** The node over padding alone, which every tree has: up to half of a tree is padding. */
function paddingNode(height: number): Uint8Array {
  for (let known = paddingNodes.length; known <= height; known++) {
    const below = paddingNodes[known - 1] as Uint8Array;
    hashNode(below, below);
    paddingNodes.push(digest());
  }
  return paddingNodes[height] as Uint8Array;
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
export type ProviderSlots = ProviderName & { readonly fromSlot: number; readonly toSlot: number };

export type LeafKey = ProviderName & { readonly slot: number };

export function leafKeyText(key: LeafKey): string {
  return `${providerKey(key)}/${key.slot}`;
}

/** Leaves of every record tree of a turn: ascending by group number, then by provider, then by slot. */
export class RecordScope {
  readonly ranges: readonly ProviderSlots[];
  readonly leafCount: number;
  /** Index of the first leaf of each range. */
  readonly #firsts: readonly number[];
  readonly #positions: ReadonlyMap<string, number>;

  constructor(ranges: readonly ProviderSlots[]) {
    this.ranges = ranges;
    let leaves = 0;
    this.#firsts = ranges.map(({ fromSlot, toSlot }) => (leaves += toSlot - fromSlot) - (toSlot - fromSlot));
    this.leafCount = leaves;
    this.#positions = new Map(ranges.map((range, i) => [providerKey(range), i]));
  }

  /** Position of a provider in the scope; undefined if it is not in it. */
  positionOf(name: ProviderName): number | undefined {
    return this.#positions.get(providerKey(name));
  }

  rangeOf(name: ProviderName): ProviderSlots | undefined {
    const position = this.positionOf(name);
    return position === undefined ? undefined : this.ranges[position];
  }

  /** Index of a leaf in the tree; undefined if the scope does not have the leaf. */
  indexOf(key: LeafKey): number | undefined {
    const position = this.positionOf(key);
    const range = position === undefined ? undefined : this.ranges[position];
    if (position === undefined || range === undefined) return undefined;
    if (key.slot < range.fromSlot || key.slot >= range.toSlot) return undefined;
    return (this.#firsts[position] as number) + key.slot - range.fromSlot;
  }

  /** @throws RangeError if the scope has no leaf `index` */
  keyAt(index: number): LeafKey {
    let [low, high] = [0, this.ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { fromSlot, toSlot } = this.ranges[middle] as ProviderSlots;
      if ((this.#firsts[middle] as number) + toSlot - fromSlot <= index) low = middle + 1;
      else high = middle;
    }
    const range = this.ranges[low];
    if (range === undefined || index < 0)
      throw new RangeError(`leaf: expected below ${this.leafCount}, actual ${index}`);
    const { group, provider, fromSlot } = range;
    return { group, provider, slot: fromSlot + index - (this.#firsts[low] as number) };
  }

  /** Hashes in a path from a leaf to the top. */
  get depth(): number {
    return Math.ceil(Math.log2(Math.max(this.leafCount, 1)));
  }
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

export function recordTree(scope: RecordScope, leaves: readonly RecordLeaf[]): RecordTree {
  const nodes = treeNodes(scope, leaves);
  return { scope, leaves, nodes, root: rootOf(nodeAt(nodes, 1), scope.leafCount) };
}
