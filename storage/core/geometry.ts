/** R10: the shape of a piece. All sizes in bytes, all indices 0-based. */

export const LEAF_BYTES = 1024;
export const HASH_BYTES = 32;
/** Leaves of a segment that carry data; the other four are all zero. */
export const DATA_LEAVES = 124;
export const SEGMENT_LEAVES = 128;
/** Exactly one EIP-4844 blob's payload, so a KZG tier can be added over the same segments. */
export const SEGMENT_BYTES = DATA_LEAVES * LEAF_BYTES;
/** Levels between a leaf and its segment root. */
export const SEGMENT_HEIGHT = 7;

export interface PieceGeometry {
  /** Bytes of the file. */
  readonly size: number;
  readonly segments: number;
  /** Leaves that hold at least one byte of the file. */
  readonly dataLeaves: number;
  /** Segments rounded up to a power of two. */
  readonly paddedSegments: number;
  /** Levels between a leaf and the top (the root additionally binds the size). */
  readonly height: number;
}

/** Throws a RangeError for a size that no piece can have (0, fractional, not a safe integer). */
export function pieceGeometry(size: number): PieceGeometry {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`piece size: expected 1 to ${Number.MAX_SAFE_INTEGER} bytes, actual ${size}`);
  }
  const segments = Math.ceil(size / SEGMENT_BYTES);
  let paddedSegments = 1;
  let topHeight = 0;
  while (paddedSegments < segments) {
    paddedSegments *= 2;
    topHeight++;
  }
  const dataLeaves = Math.ceil(size / LEAF_BYTES);
  return { size, segments, dataLeaves, paddedSegments, height: SEGMENT_HEIGHT + topHeight };
}

/** Position of a data leaf among all leaves of the padded tree. */
export function treeIndex(dataLeaf: number): number {
  return Math.floor(dataLeaf / DATA_LEAVES) * SEGMENT_LEAVES + (dataLeaf % DATA_LEAVES);
}

/** Bytes of the file in a data leaf: 1024, fewer in the last. */
export function leafPayloadBytes(size: number, dataLeaf: number): number {
  return Math.min(LEAF_BYTES, size - dataLeaf * LEAF_BYTES);
}
