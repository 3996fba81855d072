/** Fills the files of a new piece from a source file. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { PieceEntry } from "../core/piece-list.ts";
import { syncPath } from "./atomic-write.ts";
import { hashFile, PieceSourceError } from "./hash-file.ts";
import type { HashOptions } from "./hash-file.ts";
import { allocate } from "./piece-files.ts";
import { encodeTreeHeader, treeHeaderBytes, treeLayout } from "./tree-file.ts";

export type NewFiles = {
  /** Receives a copy of the bytes. Without it only the tree is made. */
  readonly data?: string | undefined;
  readonly tree: string;
};

/**
 * Creates the files, fills them from the first `size` bytes of the source, and makes them durable.
 * @throws PieceSourceError if the source cannot become a piece or changes meanwhile
 */
export async function makeFiles(
  source: string,
  size: number,
  { data, tree }: NewFiles,
  options: HashOptions = {},
): Promise<PieceEntry> {
  const layout = treeLayout(size);
  if (data !== undefined) await allocate(data, size);
  await allocate(tree, layout.fileBytes);
  const file = openSync(tree, "r+");
  try {
    const hashed = await hashFile(source, options, {
      data,
      tree,
      onNode: (level, index, hash) => writeSync(file, hash, 0, hash.length, layout.nodeOffset(level, index)),
    });
    if (hashed.size !== size) {
      throw new PieceSourceError(
        `${source}: changed while it was read; expected ${size} bytes, actual ${hashed.size}`,
      );
    }
    writeSync(file, encodeTreeHeader(size, hashed.root), 0, treeHeaderBytes, 0);
    if (data !== undefined) await syncPath(data);
    await syncPath(tree);
    return { root: hashed.root, size };
  } finally {
    closeSync(file);
  }
}
