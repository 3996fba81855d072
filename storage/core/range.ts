/**
 * A piece in ranges of 16 segments (1,984 KiB) with a proof each. A download checks every range against the piece's root on
 * arrival, and can resume later or from another provider.
 */
import { hashBytes, segmentBytes, segmentHeight, pieceGeometry } from "./geometry.ts";
import { nodeHash, rootHash } from "./merkle.ts";
import type { Position } from "./multiproof.ts";
import { paddingHashes } from "./tree-accumulator.ts";

const rangeLevel = 4;
export const rangeSegments = 1 << rangeLevel;
/** All ranges but the last have exactly these bytes of the file. */
export const rangeBytes = rangeSegments * segmentBytes;
/** Largest number of nodes in a proof: a piece of 2^53 bytes has 37 levels above its segments. */
export const maxRangeNodes = 40;

export function rangeCount(size: number): number {
  return Math.ceil(pieceGeometry(size).segments / rangeSegments);
}

/** Offset and length of a range in the file. @throws RangeError if the piece does not have the range */
export function rangePlace(size: number, range: number): { readonly start: number; readonly bytes: number } {
  const count = rangeCount(size);
  if (!Number.isSafeInteger(range) || range < 0 || range >= count) {
    throw new RangeError(`range: expected below ${count}, actual ${range}`);
  }
  const start = range * rangeBytes;
  return { start, bytes: Math.min(rangeBytes, size - start) };
}

/** Level of a range's top and of the piece's top, with segment roots at level 0. A small piece has fewer levels than a range. */
function topLevel(size: number): { own: number; all: number } {
  const all = pieceGeometry(size).height - segmentHeight;
  return { own: Math.min(rangeLevel, all), all };
}

/** Siblings on the path from a range to the piece's root, lowest first; level 0 = segment roots. */
export function rangeSiblings(size: number, range: number): Position[] {
  const { own, all } = topLevel(size);
  return Array.from({ length: all - own }, (_, i) => ({
    level: own + i,
    index: Math.floor(range / 2 ** i) ^ 1,
  }));
}

/**
 * The piece's root computed from a range's segment roots and siblings; undefined if their number does not match the piece's
 * size.
 */
export function rangeRoot(
  place: { readonly size: number; readonly range: number },
  parts: { readonly segmentRoots: readonly Uint8Array[]; readonly siblings: readonly Uint8Array[] },
): Uint8Array | undefined {
  const { size, range } = place;
  const { own, all } = topLevel(size);
  const { bytes } = rangePlace(size, range);
  if (parts.segmentRoots.length !== Math.ceil(bytes / segmentBytes)) return undefined;
  if (parts.siblings.length !== all - own) return undefined;
  let top = ownTop(parts.segmentRoots, own);
  for (const [i, sibling] of parts.siblings.entries()) {
    const isLeft = Math.floor(range / 2 ** i) % 2 === 0;
    top = isLeft ? nodeHash(top, sibling) : nodeHash(sibling, top);
  }
  return rootHash(size, top);
}

/** Ranges [first, first + count) of a piece. */
export type RangeRun = { readonly size: number; readonly first: number; readonly count: number };

/** Largest number of nodes in the proof of a run: one on each side of each level. */
export const maxRunNodes = 2 * maxRangeNodes;

/** The runs of nodes above the ranges, lowest first, with the number of nodes of their level without padding. */
function levelsAbove({ size, first, count }: RangeRun): {
  readonly level: number;
  readonly low: number;
  readonly high: number;
  readonly nodes: number;
}[] {
  const { own, all } = topLevel(size);
  return Array.from({ length: all - own }, (_, i) => ({
    level: own + i,
    low: Math.floor(first / 2 ** i),
    high: Math.floor((first + count - 1) / 2 ** i),
    nodes: Math.ceil(rangeCount(size) / 2 ** i),
  }));
}

function checkRun({ size, first, count }: RangeRun): void {
  const all = rangeCount(size);
  if (first >= 0 && count >= 1 && first + count <= all) return;
  throw new RangeError(`ranges: expected within 0 to ${all - 1}, actual ${count} from ${first}`);
}

/**
 * The nodes that prove a run of ranges together: at each level the left neighbour of the run, then its right one, where the run has one
 * under the same parent. Padding is left out, since it follows from the size. @throws RangeError if the piece does not have the ranges
 */
export function runSiblings(run: RangeRun): Position[] {
  checkRun(run);
  return levelsAbove(run).flatMap(({ level, low, high, nodes }) => [
    ...(low % 2 === 1 ? [{ level, index: low - 1 }] : []),
    ...(high % 2 === 0 && high + 1 < nodes ? [{ level, index: high + 1 }] : []),
  ]);
}

/**
 * The nodes of `runSiblings`, taken from the proofs of the run's first and last range. @throws RangeError if the piece does not have the
 * ranges
 */
export function runProof(
  run: RangeRun,
  ofFirst: readonly Uint8Array[],
  ofLast: readonly Uint8Array[],
): Uint8Array[] {
  checkRun(run);
  return levelsAbove(run).flatMap(({ low, high, nodes }, i) => [
    ...(low % 2 === 1 ? [ofFirst[i] as Uint8Array] : []),
    ...(high % 2 === 0 && high + 1 < nodes ? [ofLast[i] as Uint8Array] : []),
  ]);
}

/**
 * The piece's root computed from all segment roots of a run and its proof; undefined if their number does not match the piece's size.
 * @throws RangeError if the piece does not have the ranges
 */
export function runRoot(
  run: RangeRun,
  parts: { readonly segmentRoots: readonly Uint8Array[]; readonly siblings: readonly Uint8Array[] },
): Uint8Array | undefined {
  const { size, first, count } = run;
  const siblings = [...parts.siblings];
  if (siblings.length !== runSiblings(run).length) return undefined;
  const end = Math.min(size, (first + count) * rangeBytes);
  if (parts.segmentRoots.length !== Math.ceil((end - first * rangeBytes) / segmentBytes)) return undefined;
  const { own, all } = topLevel(size);
  const padding = paddingHashes(all);
  let tops = Array.from({ length: count }, (_, i) =>
    ownTop(parts.segmentRoots.slice(i * rangeSegments, (i + 1) * rangeSegments), own),
  );
  for (const { level, low, high, nodes } of levelsAbove(run)) {
    if (low % 2 === 1) tops.unshift(siblings.shift() as Uint8Array);
    if (high % 2 === 0)
      tops.push(high + 1 < nodes ? (siblings.shift() as Uint8Array) : (padding[level] as Uint8Array));
    tops = Array.from({ length: tops.length / 2 }, (_, i) =>
      nodeHash(tops[2 * i] as Uint8Array, tops[2 * i + 1] as Uint8Array),
    );
  }
  return rootHash(size, tops[0] as Uint8Array);
}

/** The node above all segments of one range. @param segmentRoots of the range, in order */
export function rangeTop(size: number, segmentRoots: readonly Uint8Array[]): Uint8Array {
  return ownTop(segmentRoots, topLevel(size).own);
}

/** Levels of the tree above the tops of the ranges, and its padding: level 0 = tops of ranges. */
export function treeAbove(size: number): {
  readonly height: number;
  readonly padding: readonly Uint8Array[];
} {
  const { own, all } = topLevel(size);
  return { height: all - own, padding: paddingHashes(all).slice(own) };
}

/** Top of the segment roots, completed with padding up to `levels`. */
function ownTop(segmentRoots: readonly Uint8Array[], levels: number): Uint8Array {
  const padding = paddingHashes(levels);
  let nodes = [...segmentRoots];
  for (let level = 0; level < levels; level++) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < nodes.length; i += 2) {
      next.push(nodeHash(nodes[i] as Uint8Array, nodes[i + 1] ?? (padding[level] as Uint8Array)));
    }
    nodes = next;
  }
  return nodes[0] ?? new Uint8Array(hashBytes);
}
