/** Fetches the files that a host takes, and makes them pieces of the group's list where they lie. */
import { mkdir, readdir, stat, statfs, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ArchiveFile } from "../../../archive/schema.ts";
import type { SourceFault } from "../../../client/reading/piece.ts";
import type { PieceSource } from "../../../client/reading/source.ts";
import { placesOf, type NamedFile } from "../../../client/reading/file-places.ts";
import { addPublicPiece } from "../../../provider/store/volunteering.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import { DiskFullError } from "../../../storage/disk/disk-full.ts";
import type { PieceStore } from "../../../storage/disk/store.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";
import { CliError } from "../../console/exit.ts";
import { printLine, say } from "../../console/output.ts";
import { formatBytes } from "../../console/progress.ts";
import { WhitePayError } from "../../../client/errors.ts";
import { fetchFile } from "../../reading/fetch-file.ts";

export type FetchScope = {
  readonly store: PieceStore;
  readonly group: Hex;
  /** Of the provider. */
  readonly dataDir: string;
  readonly folder: string;
  readonly providersOf: (root: Hex) => Promise<PieceSource[]>;
  readonly openManifest: (root: Hex) => Promise<readonly NamedFile[]>;
  readonly signal: AbortSignal;
  readonly isQuiet: boolean;
};

export type Fetched = {
  readonly name: string;
  readonly bytes: number;
  readonly sources: readonly { readonly source: string; readonly bytes: number }[];
  readonly faults: readonly SourceFault[];
};
export type Failed = { readonly name: string; readonly why: string };

/** Each piece has a folder of its own: a new edition may have other bytes under the same name. */
function placeOf(folder: string, { root, name }: Pick<ArchiveFile, "root" | "name">): string {
  return join(folder, root.slice(2), basename(name));
}

/** Roots of files of which a part was fetched. */
export async function begunRoots(folder: string): Promise<Set<string>> {
  const begun = new Set<string>();
  for (const digits of await readdir(folder).catch(() => [])) {
    const inside = await readdir(join(folder, digits)).catch(() => []);
    if (inside.length > 0) begun.add(`0x${digits}`);
  }
  return begun;
}

/** @throws DiskFullError before it begins, if the rest of the file does not fit on the disk */
async function checkRoom(path: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(join(path, ".."));
  const parts = await Promise.all([path, `${path}.part`].map((one) => stat(one).catch(() => undefined)));
  const there = parts.reduce((sum, one) => sum + (one?.blocks ?? 0) * 512, 0);
  const needed = Math.max(0, bytes - there) + treeLayout(bytes).fileBytes;
  if (needed <= bavail * bsize) return;
  throw new DiskFullError(path, {
    detail: `${path}: ${needed} bytes are needed, ${bavail * bsize} are free`,
  });
}

/** Stores the manifest itself: providers serve it and the archive's files by their names. */
export async function storeManifest(
  scope: Pick<FetchScope, "store" | "group" | "dataDir" | "folder">,
  root: Hex,
  bytes: Uint8Array,
): Promise<void> {
  const path = placeOf(scope.folder, { root, name: "archive.json" });
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, bytes);
  await ingest(scope, path, root);
}

async function ingest(
  { store, group, dataDir }: Pick<FetchScope, "store" | "group" | "dataDir">,
  path: string,
  root: Hex,
): Promise<void> {
  const entry = await store.ingestInPlace(path);
  if (toHex(entry.root) !== root) {
    throw new Error(`${path} changed while it was stored: expected ${root}, actual ${toHex(entry.root)}`);
  }
  // First: after a crash in between, the next run adds the piece to the list.
  await addPublicPiece(dataDir, group, entry);
  await store.addToList([entry], { group });
}

/** One after the other, so that after an interruption as many as possible are whole. */
export async function fetchAll(
  scope: FetchScope,
  files: readonly ArchiveFile[],
): Promise<{ readonly fetched: readonly Fetched[]; readonly failed: readonly Failed[] }> {
  const fetched: Fetched[] = [];
  const failed: Failed[] = [];
  for (const [i, file] of files.entries()) {
    scope.signal.throwIfAborted();
    try {
      fetched.push(await fetchOne(scope, file, `${i + 1} of ${files.length}`));
    } catch (error) {
      scope.signal.throwIfAborted();
      // Other files may have other sources; a full disk or a damaged one ends the run.
      const isOfFile = error instanceof WhitePayError || error instanceof CliError;
      if (!isOfFile) throw error;
      const why = [error.message, error.actual].filter((text) => text !== undefined).join(": ");
      failed.push({ name: file.name, why });
      say(`${file.name} is not fetched: ${why}`);
    }
  }
  return { fetched, failed };
}

async function fetchOne(scope: FetchScope, file: ArchiveFile, label: string): Promise<Fetched> {
  const { name, bytes, root, blake2b } = file;
  const path = placeOf(scope.folder, file);
  await mkdir(join(path, ".."), { recursive: true });
  await checkRoom(path, bytes);
  const { urls, notes } = await placesOf(file, scope.openManifest);
  for (const note of notes) say(`${name}: ${note}`);
  const providers = await scope.providersOf(root);
  const began_ms = performance.now();
  const read = await fetchFile({ root, bytes, named: { name, blake2b } }, { providers, urls }, path, {
    signal: scope.signal,
    label: `${label}, ${name}`,
  });
  const rate = (bytes * 1000) / Math.max(1, performance.now() - began_ms);
  await ingest(scope, path, root);
  if (!scope.isQuiet) {
    const from = read.isOld
      ? "was there"
      : `${formatBytes(rate)}/s from ${read.sources.length} of the sources`;
    printLine(`stored    ${name}  ${formatBytes(bytes)}, ${from}`);
  }
  return { name, bytes, sources: read.sources, faults: read.faults };
}
