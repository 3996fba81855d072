/** Reads a piece in parts and makes its tree on the way, so that the bytes that are handed on are those that were hashed. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import { rootHash } from "../core/merkle.ts";
import { TreeAccumulator } from "../core/tree-accumulator.ts";
import { allocate } from "./piece-files.ts";
import type { ReadFile } from "./readable-piece.ts";
import { layerBytes, SegmentHasher } from "./segment-hasher.ts";
import { encodeTreeHeader, treeLayout } from "./tree-file.ts";
import type { TreeLayout } from "./tree-file.ts";

export type CopyOptions = {
  readonly size: number;
  /** Path of a new tree file. */
  readonly tree: string;
  /** Bytes of a part: a multiple of the bytes of a segment. */
  readonly partBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((done: number) => void) | undefined;
};

/** Returns the root of the bytes; the tree file is complete and durable then. @throws Error if the source is shorter than `size` */
export async function copyInParts(
  source: ReadFile,
  { size, tree, partBytes, signal, onBytes }: CopyOptions,
  onPart: (bytes: Buffer, start: number) => Promise<void>,
): Promise<Uint8Array> {
  const layout = treeLayout(size);
  await allocate(tree, layout.fileBytes);
  const file = await open(tree, "r+");
  try {
    const nodes: TreeNode[] = [];
    const accumulator = new TreeAccumulator(layout.segments, (level, index, hash) =>
      nodes.push({ level, index, hash }),
    );
    const hasher = new SegmentHasher();
    for (let start = 0; start < size; start += partBytes) {
      signal?.throwIfAborted();
      const bytes = Buffer.alloc(Math.min(partBytes, size - start));
      await readAll(source, bytes, start);
      await hashPart(file, layout, { hasher, accumulator, bytes, first: start / segmentBytes });
      await writeNodes(file, layout, nodes);
      await onPart(bytes, start);
      onBytes?.(start + bytes.length);
    }
    const root = rootHash(size, accumulator.finish());
    await writeNodes(file, layout, nodes);
    await file.write(encodeTreeHeader(size, root), 0, undefined, 0);
    await file.sync();
    return root;
  } finally {
    await file.close();
  }
}

type TreeNode = { readonly level: number; readonly index: number; readonly hash: Uint8Array };
type Part = {
  readonly hasher: SegmentHasher;
  readonly accumulator: TreeAccumulator;
  readonly bytes: Buffer;
  readonly first: number;
};

async function hashPart(
  file: FileHandle,
  layout: TreeLayout,
  { hasher, accumulator, bytes, first }: Part,
): Promise<void> {
  const count = Math.ceil(bytes.length / segmentBytes);
  const layers = Buffer.alloc(count * layerBytes);
  const roots = Buffer.alloc(count * hashBytes);
  for (let i = 0; i < count; i++) {
    const segment = bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes);
    hasher.data.set(segment);
    hasher.data.fill(0, segment.length);
    const root = hasher.hashSegment();
    hasher.copyLayer(layers, i * layerBytes);
    roots.set(root, i * hashBytes);
    accumulator.add(first + i, Uint8Array.from(root));
  }
  await file.write(layers, 0, layers.length, layout.layerOffset(first));
  await file.write(roots, 0, roots.length, layout.nodeOffset(0, first));
}

/** Writes the nodes and forgets them. */
async function writeNodes(file: FileHandle, layout: TreeLayout, nodes: TreeNode[]): Promise<void> {
  for (const { level, index, hash } of nodes.splice(0)) {
    await file.write(hash, 0, hash.length, layout.nodeOffset(level, index));
  }
}

async function readAll(source: ReadFile, into: Buffer, position: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await source.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new Error(`the piece ends at byte ${position + done}; it is damaged`);
    done += bytesRead;
  }
}
