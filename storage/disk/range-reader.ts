/** Reads ranges of a stored piece with their proofs, and checks ranges from other parties. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { equalBytes } from "../core/bytes.ts";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { rangePlace, rangeRoot, rangeSiblings } from "../core/range.ts";
import { paddingHashes } from "../core/tree-accumulator.ts";
import { openData } from "./piece-files.ts";
import { SegmentHasher } from "./segment-hasher.ts";
import { treeLayout } from "./tree-file.ts";

export type ProvenRange = {
  readonly bytes: Uint8Array;
  /** In the order of `rangeSiblings`. */
  readonly siblings: readonly Uint8Array[];
};

/** A hasher holds one segment. All calls share one hasher, because no call awaits while it hashes. */
const hasher = new SegmentHasher();

function segmentRoots(bytes: Uint8Array): Uint8Array[] {
  const roots: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += segmentBytes) {
    const segment = bytes.subarray(start, start + segmentBytes);
    hasher.data.set(segment);
    hasher.data.fill(0, segment.length);
    roots.push(Uint8Array.from(hasher.hashSegment()));
  }
  return roots;
}

/** Whether the bytes and siblings of a range hash to the piece's root. */
export function verifyRange(entry: PieceEntry, range: number, proven: ProvenRange): boolean {
  const { bytes, siblings } = proven;
  if (bytes.length !== rangePlace(entry.size, range).bytes) return false;
  const parts = { segmentRoots: segmentRoots(bytes), siblings };
  const root = rangeRoot({ size: entry.size, range }, parts);
  return root !== undefined && equalBytes(root, entry.root);
}

/**
 * Reads a range of the piece in `dir`. Returns undefined if its bytes or its tree file are missing or damaged; a returned range
 * always hashes to the piece's root.
 * @throws RangeError if the piece has no such range
 */
export async function readRange(
  dir: string,
  entry: PieceEntry,
  range: number,
): Promise<ProvenRange | undefined> {
  const place = rangePlace(entry.size, range);
  const siblings = await readNodes(dir, entry, range);
  const bytes = siblings && (await readBytes(() => openData(dir), place.start, place.bytes));
  if (siblings === undefined || bytes === undefined) return undefined;
  const proven = { bytes, siblings };
  return verifyRange(entry, range, proven) ? proven : undefined;
}

async function readNodes(
  dir: string,
  { size }: PieceEntry,
  range: number,
): Promise<Uint8Array[] | undefined> {
  const layout = treeLayout(size);
  const tree = (): Promise<FileHandle> => open(join(dir, "tree"), "r");
  const padding = paddingHashes(layout.topHeight);
  const nodes: Uint8Array[] = [];
  for (const { level, index } of rangeSiblings(size, range)) {
    const node =
      index < layout.nodeCount(level)
        ? await readBytes(tree, layout.nodeOffset(level, index), hashBytes)
        : padding[level];
    if (node === undefined) return undefined;
    nodes.push(node);
  }
  return nodes;
}

/** Exactly `count` bytes, or undefined. */
async function readBytes(
  opened: () => Promise<FileHandle>,
  start: number,
  count: number,
): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await opened();
  } catch {
    return undefined;
  }
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, start);
    return bytesRead === count ? buffer : undefined;
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
