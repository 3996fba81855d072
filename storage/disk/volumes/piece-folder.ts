/** Faults and facts of a piece's folder on a disk, found without reading the piece's bytes. */
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { equalBytes } from "../../core/bytes.ts";
import type { PieceEntry } from "../../core/piece-list.ts";
import { dataPath, readSource, sourceChange } from "../piece-files.ts";
import { decodeTreeHeader, treeHeaderBytes, treeLayout } from "../tree-file.ts";

/** Undefined if all files exist with the right sizes. */
export async function folderFault(dir: string, entry: PieceEntry): Promise<string | undefined> {
  const note = await readSource(dir);
  const own = await stat(join(dir, "data")).catch(() => undefined);
  if (own === undefined && note !== undefined) {
    const change = await sourceChange(note);
    if (change !== undefined) return change;
  } else if (own === undefined) return `${join(dir, "data")}: missing; ingest the file again`;
  else if (own.size !== entry.size) return wrongSize(join(dir, "data"), entry.size, own.size);
  const tree = join(dir, "tree");
  const stats = await stat(tree).catch(() => undefined);
  const { fileBytes } = treeLayout(entry.size);
  if (stats === undefined) return `${tree}: missing; ingest the file again`;
  if (stats.size !== fileBytes) return wrongSize(tree, fileBytes, stats.size);
  const header = await headerIn(tree);
  if (header?.size === entry.size && equalBytes(header.root, entry.root)) return undefined;
  return `${tree}: its header is damaged; ingest the file again`;
}

export function wrongSize(path: string, expected: number, actual: number): string {
  return `${path}: expected ${expected} bytes, actual ${actual}; ingest the file again`;
}

/** Size and root in a tree file; undefined without a readable one. */
export async function headerIn(tree: string): Promise<PieceEntry | undefined> {
  const file = await open(tree, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer } = await file.read(Buffer.alloc(treeHeaderBytes), 0, treeHeaderBytes, 0);
    const header = decodeTreeHeader(buffer);
    return header && { ...header, root: Uint8Array.from(header.root) };
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** Changes when the file with the bytes of a piece is written or replaced. */
export async function folderVersion(dir: string): Promise<string> {
  const stats = await stat(await dataPath(dir)).catch(() => undefined);
  return stats === undefined ? "none" : `${dir} ${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}
