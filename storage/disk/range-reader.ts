/** Reads ranges of a stored piece with their proofs, and checks ranges from other parties. */
import { equalBytes } from "../core/bytes.ts";
import { hashBytes } from "../core/geometry.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { rangePlace, rangeRoot, rangeSiblings } from "../core/range.ts";
import { paddingHashes } from "../core/tree-accumulator.ts";
import { hashedBytes, hashesOf, rootsOf } from "./range-hashes.ts";
import type { PieceFiles, ReadFile } from "./readable-piece.ts";
import { treeLayout } from "./tree-file.ts";
import { UnreachableError } from "./unreachable.ts";

export type ProvenRange = {
  readonly bytes: Uint8Array;
  /** In the order of `rangeSiblings`. */
  readonly siblings: readonly Uint8Array[];
};

/** Whether the bytes and siblings of a range hash to the piece's root. */
export function verifyRange(entry: PieceEntry, range: number, proven: ProvenRange): boolean {
  const { bytes, siblings } = proven;
  if (bytes.length !== rangePlace(entry.size, range).bytes) return false;
  return leadsToRoot(entry, range, { ...hashesOf(bytes), siblings });
}

/** Whether the segment roots and siblings of a range hash to the piece's root. */
export function leadsToRoot(
  { root, size }: PieceEntry,
  range: number,
  { roots, siblings }: { readonly roots: Uint8Array; readonly siblings: readonly Uint8Array[] },
): boolean {
  const found = rangeRoot({ size, range }, { segmentRoots: rootsOf({ roots }), siblings });
  return found !== undefined && equalBytes(found, root);
}

/**
 * Reads a range of a piece. Returns undefined if its bytes or its tree file are missing or damaged; a returned range always hashes to the
 * piece's root.
 * @throws RangeError if the piece has no such range
 * @throws UnreachableError if the volume cannot be asked
 */
export async function readRange(
  files: PieceFiles,
  entry: PieceEntry,
  range: number,
): Promise<ProvenRange | undefined> {
  const place = rangePlace(entry.size, range);
  await files.prepareRange(entry, range);
  const siblings = await readNodes(files, entry, range);
  const bytes = siblings && (await readBytes(() => files.openData(), place.start, place.bytes));
  if (siblings === undefined || bytes === undefined) return undefined;
  const hashed = await hashedBytes(bytes);
  return leadsToRoot(entry, range, { ...hashed, siblings }) ? { bytes: hashed.bytes, siblings } : undefined;
}

async function readNodes(
  files: PieceFiles,
  { size }: PieceEntry,
  range: number,
): Promise<Uint8Array[] | undefined> {
  const layout = treeLayout(size);
  const tree = (): Promise<ReadFile> => files.openTree();
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
  opened: () => Promise<ReadFile>,
  start: number,
  count: number,
): Promise<Uint8Array | undefined> {
  let file: ReadFile;
  try {
    file = await opened();
  } catch (error) {
    if (error instanceof UnreachableError) throw error;
    return undefined;
  }
  try {
    const buffer = Buffer.alloc(count);
    const { bytesRead } = await file.read(buffer, 0, count, start);
    return bytesRead === count ? buffer : undefined;
  } catch (error) {
    if (error instanceof UnreachableError) throw error;
    return undefined;
  } finally {
    await file.close();
  }
}
