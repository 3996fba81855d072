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
