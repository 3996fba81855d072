/**
 * The files in a piece's folder: `tree` (tree-file.ts), `name` (the name of the source file), and either `data` (the bytes) or `source`,
 * a note of the file elsewhere that holds the bytes.
 */
import { open, readFile, stat, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** A file of the operator that is stored where it lies. */
export type SourceNote = {
  /** Absolute. */
  readonly path: string;
  /** As they were when the file was hashed last. */
  readonly size: number;
  readonly mtimeMs: number;
};

/** The note of a piece that is stored where it lies; undefined for a piece with its own bytes, or without a readable note. */
export async function readSource(dir: string): Promise<SourceNote | undefined> {
  try {
    const note = JSON.parse(await readFile(join(dir, "source"), "utf8")) as Partial<SourceNote> | null;
    const { path, size, mtimeMs } = note ?? {};
    if (typeof path !== "string" || typeof size !== "number" || typeof mtimeMs !== "number") return undefined;
    return { path, size, mtimeMs };
  } catch {
    return undefined;
  }
}

export function sourceText(note: SourceNote): string {
  return `${JSON.stringify(note)}\n`;
}

/** Path of the file with a piece's bytes. */
export async function dataPath(dir: string): Promise<string> {
  const own = join(dir, "data");
  if ((await stat(own).catch(() => undefined)) !== undefined) return own;
  return (await readSource(dir))?.path ?? own;
}

/** Opens the file with a piece's bytes for reading. */
export async function openData(dir: string): Promise<FileHandle> {
  try {
    return await open(join(dir, "data"), "r");
  } catch (error) {
    const note = (error as NodeJS.ErrnoException).code === "ENOENT" ? await readSource(dir) : undefined;
    if (note === undefined) throw error;
    return open(note.path, "r");
  }
}

/** What differs between a file and its note; undefined: nothing. The text names the file. */
export async function sourceChange({ path, size, mtimeMs }: SourceNote): Promise<string | undefined> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (stats instanceof Error) {
    return stats.code === "ENOENT" || stats.code === "ENOTDIR"
      ? `${path}: missing; restore the file`
      : `${path}: ${stats.message}`;
  }
  if (stats.size === size && stats.mtimeMs === mtimeMs) return undefined;
  const was = `${size} bytes of ${new Date(mtimeMs).toISOString()}`;
  const now = `${stats.size} bytes of ${new Date(stats.mtimeMs).toISOString()}`;
  return `${path}: changed since it was hashed: expected ${was}, actual ${now}; restore the file`;
}

/** Creates a file of `size` zero bytes; they take no space before they are written. */
export async function allocate(path: string, size: number): Promise<void> {
  await (await open(path, "wx")).close();
  await truncate(path, size);
}
