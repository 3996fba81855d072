/** R10: geometry of a piece. Sizes are in bytes, indices are 0-based. */

export const leafBytes = 1024;
export const hashBytes = 32;
/** Leaves of a segment with data; the other four are zero. */
export const dataLeavesPerSegment = 124;
export const leavesPerSegment = 128;
/** The payload of one EIP-4844 blob, so the same segments allow KZG proofs later. */
export const segmentBytes = dataLeavesPerSegment * leafBytes;
/** Levels between a leaf and its segment root. */
export const segmentHeight = 7;

export type PieceGeometry = {
  /** Bytes of the file. */
  readonly size: number;
  readonly segments: number;
  /** Leaves that hold at least one byte of the file. */
  readonly dataLeaves: number;
  /** Segments rounded up to a power of two. */
  readonly paddedSegments: number;
  /** Levels between a leaf and the top; the root hashes the top with the size. */
  readonly height: number;
};

/** @throws RangeError if the size is not a safe integer of at least 1 */
export function pieceGeometry(size: number): PieceGeometry {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`piece size: expected 1 to ${Number.MAX_SAFE_INTEGER} bytes, actual ${size}`);
  }
  const segments = Math.ceil(size / segmentBytes);
  let paddedSegments = 1;
  let topHeight = 0;
  while (paddedSegments < segments) {
    paddedSegments *= 2;
    topHeight++;
  }
  const dataLeaves = Math.ceil(size / leafBytes);
  return { size, segments, dataLeaves, paddedSegments, height: segmentHeight + topHeight };
}

/** Position of a data leaf among all leaves of the padded tree. */
export function treeIndex(dataLeaf: number): number {
  return Math.floor(dataLeaf / dataLeavesPerSegment) * leavesPerSegment + (dataLeaf % dataLeavesPerSegment);
}

/** Bytes of the file in a data leaf: 1024, fewer in the last. */
export function leafPayloadBytes(size: number, dataLeaf: number): number {
  return Math.min(leafBytes, size - dataLeaf * leafBytes);
}
