import { hashBytes, pieceGeometry } from "../core/geometry.ts";
import { layerBytes } from "./segment-hasher.ts";

/**
 * The tree file of a piece; with it a proof needs a few kilobytes from disk. Header (magic "WPTREE01", size u64, root), 4 KiB layer
 * (31 digests for each segment), then the levels from the segment roots up, without padding nodes.
 */
const treeMagic = "WPTREE01";
export const treeHeaderBytes = 64;

export type TreeLayout = {
  readonly segments: number;
  /** Levels above the segment roots. */
  readonly topHeight: number;
  readonly fileBytes: number;
  layerOffset(segment: number): number;
  /** `level` 0 = segment roots. */
  nodeOffset(level: number, index: number): number;
  /** Number of nodes of a level without padding. */
  nodeCount(level: number): number;
};

export function treeLayout(size: number): TreeLayout {
  const { segments, height } = pieceGeometry(size);
  const topHeight = height - 7;
  const starts: number[] = [];
  const counts: number[] = [];
  let offset = treeHeaderBytes + segments * layerBytes;
  let count = segments;
  for (let level = 0; level <= topHeight; level++) {
    starts.push(offset);
    counts.push(count);
    offset += count * hashBytes;
    count = Math.ceil(count / 2);
  }
  return {
    segments,
    topHeight,
    fileBytes: offset,
    layerOffset: (segment) => treeHeaderBytes + segment * layerBytes,
    nodeOffset: (level, index) => (starts[level] as number) + index * hashBytes,
    nodeCount: (level) => counts[level] as number,
  };
}

export function encodeTreeHeader(size: number, root: Uint8Array): Buffer {
  const header = Buffer.alloc(treeHeaderBytes);
  header.write(treeMagic, 0, "latin1");
  header.writeBigUInt64BE(BigInt(size), 8);
  header.set(root, 16);
  return header;
}

/** Size and root of a header; undefined if the bytes are not a header. */
export function decodeTreeHeader(header: Uint8Array): { size: number; root: Uint8Array } | undefined {
  const bytes = Buffer.from(header);
  if (bytes.length !== treeHeaderBytes || bytes.toString("latin1", 0, 8) !== treeMagic) return undefined;
  const size = Number(bytes.readBigUInt64BE(8));
  return Number.isSafeInteger(size) && size > 0 ? { size, root: bytes.subarray(16, 48) } : undefined;
}
