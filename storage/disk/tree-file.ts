import { HASH_BYTES, pieceGeometry } from "../core/geometry.ts";
import { LAYER_BYTES } from "./segment-hasher.ts";

/**
 * The file beside a piece's bytes, so that proving reads a few kilobytes: header (magic "WPTREE01", size u64, root),
 * the 4 KiB layer (31 digests for each segment), then the levels from the segment roots up, padding nodes left out.
 */
export const TREE_MAGIC = "WPTREE01";
export const TREE_HEADER_BYTES = 64;

export interface TreeLayout {
  readonly segments: number;
  /** Levels above the segment roots. */
  readonly topHeight: number;
  readonly fileBytes: number;
  layerOffset(segment: number): number;
  /** `level` 0 = segment roots. */
  nodeOffset(level: number, index: number): number;
  /** Nodes of a level that are no padding. */
  nodeCount(level: number): number;
}

export function treeLayout(size: number): TreeLayout {
  const { segments, height } = pieceGeometry(size);
  const topHeight = height - 7;
  const starts: number[] = [];
  const counts: number[] = [];
  let offset = TREE_HEADER_BYTES + segments * LAYER_BYTES;
  let count = segments;
  for (let level = 0; level <= topHeight; level++) {
    starts.push(offset);
    counts.push(count);
    offset += count * HASH_BYTES;
    count = Math.ceil(count / 2);
  }
  return {
    segments,
    topHeight,
    fileBytes: offset,
    layerOffset: (segment) => TREE_HEADER_BYTES + segment * LAYER_BYTES,
    nodeOffset: (level, index) => (starts[level] as number) + index * HASH_BYTES,
    nodeCount: (level) => counts[level] as number,
  };
}

export function encodeTreeHeader(size: number, root: Uint8Array): Buffer {
  const header = Buffer.alloc(TREE_HEADER_BYTES);
  header.write(TREE_MAGIC, 0, "latin1");
  header.writeBigUInt64BE(BigInt(size), 8);
  header.set(root, 16);
  return header;
}

/** The header's size and root, or undefined if these are not the bytes of a header. */
export function decodeTreeHeader(header: Uint8Array): { size: number; root: Uint8Array } | undefined {
  const bytes = Buffer.from(header);
  if (bytes.length !== TREE_HEADER_BYTES || bytes.toString("latin1", 0, 8) !== TREE_MAGIC) return undefined;
  const size = Number(bytes.readBigUInt64BE(8));
  return Number.isSafeInteger(size) && size > 0 ? { size, root: bytes.subarray(16, 48) } : undefined;
}
