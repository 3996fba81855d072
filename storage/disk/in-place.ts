/** Finds the files that are stored where they lie. */
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { toHex } from "../core/bytes.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { PieceSourceError } from "./hash-file.ts";
import { readSource } from "./piece-files.ts";
import type { SourceNote } from "./piece-files.ts";
import type { PieceStore } from "./store.ts";

export type FoundFiles = {
  /** Absolute, in order. */
  readonly files: readonly string[];
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
};

/**
 * The regular, non-empty files among `paths` and in the folders among them, with all their subfolders. Links in a folder are not
 * followed, and the folders in `own`, which the provider writes, are left out.
 * @throws PieceSourceError if a named path does not exist
 */
export async function filesUnder(paths: readonly string[], own: readonly string[]): Promise<FoundFiles> {
  const files: string[] = [];
  const skipped: { path: string; reason: string }[] = [];
  const ownFolders = new Set(await Promise.all(own.map((path) => realpath(path).catch(() => resolve(path)))));
  const walk = async (folder: string): Promise<void> => {
    if (ownFolders.has(await realpath(folder))) {
      skipped.push({ path: folder, reason: "a folder of this provider" });
      return;
    }
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const stats = await lstat(path);
      if (stats.isDirectory()) await walk(path);
      else if (!stats.isFile()) skipped.push({ path, reason: "not a regular file" });
      else if (stats.size === 0) skipped.push({ path, reason: "empty" });
      else files.push(path);
    }
  };
  for (const path of paths.map((one) => resolve(one))) {
    const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new PieceSourceError(
        error.code === "ENOENT" ? `${path}: no such file` : `${path}: ${error.message}`,
      );
    });
    if (stats.isDirectory()) await walk(path);
    else files.push(path);
  }
  const inside = files.filter((path) => [...ownFolders].some((folder) => path.startsWith(`${folder}${sep}`)));
  if (inside.length > 0) {
    throw new PieceSourceError(`${inside[0]}: in a folder of this provider; expected a file that is yours`);
  }
  return { files: [...new Set(files)], skipped };
}

export type InPlacePiece = { readonly root: string; readonly dir: string; readonly note: SourceNote };

/** All pieces that are stored where their files lie. */
export async function piecesInPlace(store: PieceStore): Promise<InPlacePiece[]> {
  const found: InPlacePiece[] = [];
  for (const root of await store.storedRoots()) {
    for (const { dir } of await store.volumes.locate(root.slice(2))) {
      const note = await readSource(dir);
      if (note !== undefined) found.push({ root, dir, note });
    }
  }
  return found;
}

export type AddedInPlace = {
  readonly entries: readonly PieceEntry[];
  /** Files whose earlier piece can no longer be proven, because they changed. */
  readonly changed: readonly { readonly path: string; readonly before: string }[];
  /** Number of files that were hashed; the others are as they were at the last time. */
  readonly hashed: number;
};

/** Makes files pieces where they lie. A file with the noted size and time is not read again. */
export async function addInPlace(
  store: PieceStore,
  files: readonly string[],
  hash: (file: string) => Promise<PieceEntry> = (file) => store.ingestInPlace(file),
): Promise<AddedInPlace> {
  const known = new Map((await piecesInPlace(store)).map((piece) => [piece.note.path, piece]));
  const entries: PieceEntry[] = [];
  const changed: { path: string; before: string }[] = [];
  let hashed = 0;
  for (const path of files) {
    const before = known.get(path);
    const stats = await stat(path).catch(() => undefined);
    const isSame = before?.note.size === stats?.size && before?.note.mtimeMs === stats?.mtimeMs;
    const same = before !== undefined && isSame ? await store.entryOf(before.root) : undefined;
    if (same !== undefined) {
      entries.push(same);
      continue;
    }
    const entry = await hash(path);
    hashed++;
    entries.push(entry);
    if (before !== undefined && toHex(entry.root) !== before.root)
      changed.push({ path, before: before.root });
  }
  return { entries, changed, hashed };
}
