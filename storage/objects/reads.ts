/** Which ranges of a piece's objects a proof needs, in few requests: data and tree are read beside each other, and not node by node. */
import { hashBytes, leavesPerSegment, segmentBytes, treeIndex } from "../core/geometry.ts";
import { nodeHash } from "../core/merkle.ts";
import { rangePlace, rangeSegments } from "../core/range.ts";
import { paddingHashes } from "../core/tree-accumulator.ts";
import { layerBytes } from "../disk/segment-hasher.ts";
import { treeLayout } from "../disk/tree-file.ts";
import type { TreeLayout } from "../disk/tree-file.ts";
import type { Span } from "./remote-file.ts";

/** Leaves and bytes under one digest of the tree's 4 KiB layer. */
const groupLeaves = 4;
const groupBytes = groupLeaves * 1024;
/** A tree, or its nodes, up to this size are read by one request. */
const smallBytes = 128 * 1024;
/** Segment roots of a page: 8 KiB of a small piece; of a large one 32 KiB, so that what is above the pages stays below 1 MiB. */
const pageLevels = { small: 8, large: 10, largeFrom: 1 << 18 };

/** `upper`: nodes above the pages, which all proofs of the piece share. */
export type WantedKind = "data" | "tree" | "page" | "upper";
export type Wanted = {
  readonly kind: WantedKind;
  readonly start: number;
  readonly length: number;
  /** The leaves that cannot be proven without it. */
  readonly leaves: readonly number[];
};

export function wantedForLeaves(size: number, leaves: readonly number[]): Wanted[] {
  const layout = treeLayout(size);
  const wanted = new Map<string, Wanted>();
  const want = (kind: WantedKind, start: number, length: number, leaf: number): void => {
    const key = `${kind} ${start}`;
    wanted.set(key, { kind, start, length, leaves: [...(wanted.get(key)?.leaves ?? []), leaf] });
  };
  for (const leaf of leaves) {
    const index = treeIndex(leaf);
    const segment = Math.floor(index / leavesPerSegment);
    const start = segment * segmentBytes + Math.floor((index % leavesPerSegment) / groupLeaves) * groupBytes;
    want("data", start, Math.min(groupBytes, size - start), leaf);
    if (layout.fileBytes <= smallBytes) {
      want("tree", 0, layout.fileBytes, leaf);
      continue;
    }
    want("tree", layout.layerOffset(segment), layerBytes, leaf);
    for (const { kind, start: at, length } of nodesFor(layout, segment)) want(kind, at, length, leaf);
  }
  return [...wanted.values()];
}

export function wantedForRange(size: number, range: number): Wanted[] {
  const { start, bytes } = rangePlace(size, range);
  const nodes = nodesFor(treeLayout(size), range * rangeSegments);
  return [{ kind: "data", start, length: bytes, leaves: [] }, ...nodes];
}

/** The nodes on the way from a segment to the top, and their siblings. */
function nodesFor(layout: TreeLayout, segment: number): Wanted[] {
  const first = layout.nodeOffset(0, 0);
  const whole = layout.fileBytes - first;
  if (whole <= smallBytes) return [{ kind: "tree", start: first, length: whole, leaves: [] }];
  const level = pageLevel(layout);
  const page = Math.floor(segment / 2 ** level) * 2 ** level;
  const roots = Math.min(2 ** level, layout.segments - page);
  const upper = layout.nodeOffset(level, 0);
  return [
    { kind: "page", start: layout.nodeOffset(0, page), length: roots * hashBytes, leaves: [] },
    { kind: "upper", start: upper, length: layout.fileBytes - upper, leaves: [] },
  ];
}

function pageLevel({ segments }: TreeLayout): number {
  return segments > pageLevels.largeFrom ? pageLevels.large : pageLevels.small;
}

/** The nodes of all levels that follow from the segment roots of a page, each level where it is in the tree. */
export function spansOfPage(size: number, page: Span): Span[] {
  const layout = treeLayout(size);
  const levels = pageLevel(layout);
  const padding = paddingHashes(levels);
  let index = (page.start - layout.nodeOffset(0, 0)) / hashBytes;
  let below = page.bytes;
  const spans: Span[] = [page];
  for (let level = 1; level < levels; level++) {
    const count = below.length / hashBytes;
    const above = Buffer.alloc(Math.ceil(count / 2) * hashBytes);
    for (let i = 0; i < count; i += 2) {
      const left = below.subarray(i * hashBytes, (i + 1) * hashBytes);
      const right =
        i + 1 < count ? below.subarray((i + 1) * hashBytes, (i + 2) * hashBytes) : padding[level - 1];
      above.set(nodeHash(left, right as Uint8Array), (i / 2) * hashBytes);
    }
    index /= 2;
    spans.push({ start: layout.nodeOffset(level, index), bytes: above });
    below = above;
  }
  return spans;
}
