/** Moves the pieces of a volume to the others while any number of processes prove them. */
import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { PieceEntry } from "../../core/piece-list.ts";
import { isWhole } from "../check-piece.ts";
import { isDiskFull, namingFullDisk } from "../disk-full.ts";
import type { HashOptions } from "../hash-file.ts";
import { nameOfPiece } from "../store.ts";
import type { PieceStore } from "../store.ts";
import { treeLayout } from "../tree-file.ts";
import { UnreachableError } from "../unreachable.ts";
import type { PlaceOfPiece } from "./volume-set.ts";
import type { Volume } from "./volume.ts";

export type DrainOptions = {
  /** Called with each piece before it is copied; returns how to hash it. */
  readonly onPiece?: (root: string, size: number) => HashOptions;
  readonly signal?: AbortSignal;
};

export type Drained = {
  /** Pieces that the volume no longer needs, and their bytes. */
  readonly moved: number;
  readonly movedBytes: number;
  /** Pieces that stay, each with the reason. */
  readonly left: readonly { readonly root: string; readonly reason: string }[];
  /** Pieces that are arriving here: they must be whole before they can be moved. */
  readonly arriving: number;
};

/**
 * Marks the volume as draining and moves its pieces. A copy is complete, durable and compared with the piece's root before the original
 * is deleted, so a crash at any moment loses nothing, and the next drain goes on.
 * @throws DiskFullError if the other volumes have no room; what was moved stays moved
 * @throws UnreachableError if an object store cannot be asked; likewise
 */
export async function drainVolume(
  store: PieceStore,
  volume: Volume,
  { onPiece = () => ({}), signal }: DrainOptions = {},
): Promise<Drained> {
  await store.volumes.setDraining(volume, true);
  const left = new Map<string, string>();
  let [moved, movedBytes] = [0, 0];
  for (;;) {
    // A process that chose this volume before it was marked may still add a piece.
    const names = (await volume.names()).filter((name) => !left.has(name));
    if (names.length === 0) break;
    for (const name of names) {
      signal?.throwIfAborted();
      const result = await movePiece(store, volume, name, onPiece);
      if (typeof result === "string") left.set(name, result);
      else {
        moved++;
        movedBytes += result;
      }
    }
  }
  const arriving = await volume.arriving();
  return {
    moved,
    movedBytes,
    left: [...left].map(([name, reason]) => ({ root: `0x${name}`, reason })),
    arriving,
  };
}

/** Returns the bytes moved, or why the piece stays. */
async function movePiece(
  store: PieceStore,
  volume: Volume,
  name: string,
  onPiece: NonNullable<DrainOptions["onPiece"]>,
): Promise<number | string> {
  const dir = volume.pieceDir(name);
  const entry = await store.entryOf(`0x${name}`);
  if (entry === undefined) return "its tree file is damaged: ingest the file again";
  const elsewhere = (await store.volumes.locate(name)).filter((one) => one.volume !== volume);
  let isCopied = false;
  for (const other of elsewhere) isCopied ||= await isWhole(other.files, entry);
  if (!isCopied) {
    const fault = await copyPiece(store, { volume, dir, files: volume.files(name) }, entry, onPiece);
    if (fault !== undefined) return fault;
  }
  try {
    await volume.remove(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Publishing the copy has deleted it already.
    if (code === "ENOENT") return entry.size;
    if (code === "EROFS") return "copied; it cannot be deleted here, because the volume takes no writes";
    throw error;
  }
  return entry.size;
}

async function copyPiece(
  store: PieceStore,
  { volume, dir, files }: PlaceOfPiece,
  entry: PieceEntry,
  onPiece: NonNullable<DrainOptions["onPiece"]>,
): Promise<string | undefined> {
  const { size, root } = entry;
  const { fileBytes } = treeLayout(size);
  const isElsewhere =
    (await volume.dataBytes(nameOfPiece(root))) === 0 && (await files.source()) !== undefined;
  const target = isElsewhere
    ? await store.volumes.place(fileBytes, { isLocal: true })
    : await store.volumes.place(size + fileBytes);
  const work = target.temporary();
  return namingFullDisk(target.path, async () => {
    await mkdir(work);
    try {
      await copyIfThere(join(dir, "name"), join(work, "name"));
      if (isElsewhere) {
        // The file stays where it lies.
        for (const file of ["tree", "source"]) await copyFile(join(dir, file), join(work, file));
      } else {
        const origin = volume.isLocal ? { path: join(dir, "data") } : { files };
        const options = onPiece(`0x${nameOfPiece(root)}`, size);
        const copied = await target.fill(work, origin, { size, expected: root }, options);
        if (nameOfPiece(copied.root) !== nameOfPiece(root)) return "it is damaged: ingest the file again";
      }
      await store.publish(target, work, entry);
      return undefined;
    } catch (error) {
      if (isDiskFull(error) || error instanceof UnreachableError) throw error;
      // A missing file or a bad sector of one piece: the others are moved.
      return (error as Error).message;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}
