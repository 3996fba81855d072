/**
 * A place for pieces. A disk has `pieces/<root>/`, `incoming/<root>/` for pieces that arrive in parts, and `tmp/` for incomplete ones. An
 * object store (storage/objects) has a folder of the same form on this machine, with a note for each piece in the place of its bytes.
 */
import { randomBytes } from "node:crypto";
import { access, chmod, constants, mkdir, open, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PieceEntry } from "../../core/piece-list.ts";
import { rangeBytes } from "../../core/range.ts";
import { syncPath } from "../atomic-write.ts";
import { copyInParts } from "../copy-piece.ts";
import { whyNot } from "../file-words.ts";
import type { HashOptions } from "../hash-file.ts";
import { isRunning } from "../is-running.ts";
import { makeFiles } from "../make-tree.ts";
import { allocate } from "../piece-files.ts";
import { filesIn } from "../readable-piece.ts";
import type { PieceFiles } from "../readable-piece.ts";
import { treeLayout } from "../tree-file.ts";
import { folderFault, folderVersion, headerIn } from "./piece-folder.ts";

export type VolumeSetting = {
  /** Absolute; for an object store its name. */
  readonly path: string;
  /** Most bytes of pieces here. Default: as many as fit the disk. */
  readonly maxBytes?: number | undefined;
  /** Opens a volume that is not a folder. `key` differs if the settings do; `home` is the store's own folder. */
  readonly remote?: { readonly key: string; open(home: string): Volume } | undefined;
};

/** Where a new piece's bytes come from: a file, or a piece on another volume. */
export type Origin = { readonly path: string } | { readonly files: PieceFiles };

/** The id of a volume, or why it cannot be used. */
export type Found =
  | { readonly id: string; readonly fault?: undefined }
  | { readonly id?: undefined; readonly fault: string };

/** A piece that arrives in parts. `tree` has its full length from the beginning. */
export type IncomingPiece = {
  /** Folder on this machine. */
  readonly dir: string;
  readonly tree: string;
  /** Bytes of the piece for which the folder was made; undefined if it is damaged. */
  size(): Promise<number | undefined>;
  /** Writes verified ranges, durably. `has` says which ranges are durable already. */
  write(
    ranges: readonly { readonly range: number; readonly bytes: Uint8Array }[],
    has: (range: number) => boolean,
  ): Promise<void>;
  /** Completes the bytes, before the piece is published. @throws LostPartsError */
  finish(entry: PieceEntry): Promise<void>;
};

/** The parts of a piece that had arrived are lost: they must be sent again. */
export class LostPartsError extends Error {
  override readonly name = "LostPartsError";
}

const pieceName = /^[0-9a-f]{64}$/;
/** Shorter than the steps of a file system's clock: a later change could have the same time. */
const mtimeStep_ms = 2_000;
const subfolders = ["pieces", "incoming", "tmp"] as const;

export class Volume {
  readonly path: string;
  readonly maxBytes: number | undefined;
  /** Whether the bytes are on a disk of this machine. */
  readonly isLocal: boolean = true;
  /** On this machine. */
  protected readonly folder: string;
  /** Bytes on the volume of each piece. */
  readonly #sizes = new Map<string, number>();
  #listed = { mtimeMs: -1, isFinal: false };

  constructor({ path, maxBytes }: Omit<VolumeSetting, "remote">, folder: string = path) {
    this.path = path;
    this.maxBytes = maxBytes;
    this.folder = folder;
  }

  /** The id of a volume that has its mark elsewhere; undefined for a folder. */
  async identify(): Promise<Found | undefined> {
    return undefined;
  }

  /** The scrub reads each piece in one of this number of passes, so that it keeps within the bound of the settings. */
  async passesOfScrub(): Promise<number> {
    return 1;
  }

  files(name: string): PieceFiles {
    return filesIn(this.pieceDir(name));
  }

  /** Root and size of the piece with this name, from its tree file; undefined if that cannot be read. */
  entryOf(name: string): Promise<PieceEntry | undefined> {
    return headerIn(join(this.pieceDir(name), "tree"));
  }

  /** Why the piece is not stored here with all its files; undefined if it is. */
  faultOf(name: string, entry: PieceEntry): Promise<string | undefined> {
    return folderFault(this.pieceDir(name), entry);
  }

  /** Changes when a piece's bytes are written or replaced. */
  version(name: string): Promise<string> {
    return folderVersion(this.pieceDir(name));
  }

  /** Bytes of the piece without its tree; 0 for one that is stored where its file lies. */
  async dataBytes(name: string): Promise<number> {
    return (await stat(join(this.pieceDir(name), "data")).catch(() => undefined))?.size ?? 0;
  }

  /**
   * Copies a piece's bytes here and makes its tree in `work`; `publish` makes it a piece. Returns what was copied: the caller compares it
   * with `expected`.
   */
  async fill(
    work: string,
    origin: Origin,
    { size }: { readonly size: number; readonly expected?: Uint8Array | undefined },
    options: HashOptions = {},
  ): Promise<PieceEntry> {
    const [data, tree] = [join(work, "data"), join(work, "tree")];
    const entry =
      "path" in origin
        ? await makeFiles(origin.path, size, { data, tree }, options)
        : { size, root: await copyToDisk(origin.files, size, { data, tree }, options.signal) };
    await chmod(data, 0o444);
    return entry;
  }

  /** Writes bytes of a stored piece that are damaged, durably. Only if `isLocal`. */
  async patch(name: string, start: number, bytes: Uint8Array): Promise<void> {
    const data = join(this.pieceDir(name), "data");
    await chmod(data, 0o644);
    const file = await open(data, "r+");
    try {
      await writeAll(file, bytes, start);
      await file.datasync();
    } finally {
      await file.close();
      await chmod(data, 0o444);
    }
  }

  /** Makes the folder of a piece that arrives in parts. Its bytes count as taken. */
  async beginIncoming(name: string, { size }: PieceEntry): Promise<IncomingPiece> {
    // The folder gets its name when its files have their lengths: after a crash no folder has incomplete files.
    const work = this.temporary();
    await mkdir(work);
    await allocate(join(work, "tree"), treeLayout(size).fileBytes);
    await this.allocateIncoming(work, size);
    await this.rename(work, this.incomingDir(name));
    return this.incoming(name);
  }

  protected allocateIncoming(work: string, size: number): Promise<void> {
    return allocate(join(work, "data"), size);
  }

  /** A piece that arrives in parts, whose folder exists. */
  incoming(name: string): IncomingPiece {
    const dir = this.incomingDir(name);
    const data = join(dir, "data");
    return {
      dir,
      tree: join(dir, "tree"),
      size: async () => (await stat(data).catch(() => undefined))?.size,
      async write(ranges) {
        const file = await open(data, "r+");
        try {
          // Every range but the last has the same length, so its offset does not depend on the size.
          for (const { range, bytes } of ranges) await writeAll(file, bytes, range * rangeBytes);
          await file.datasync();
        } finally {
          await file.close();
        }
      },
      finish: () => chmod(data, 0o444),
    };
  }

  /** Number of pieces that arrive in parts. */
  async arriving(): Promise<number> {
    return (await readdir(join(this.folder, "incoming"))).length;
  }

  async dropIncoming(name: string): Promise<void> {
    await rm(this.incomingDir(name), { recursive: true, force: true });
  }

  /** Folder of a piece by its name, 64 hex digits. */
  pieceDir(name: string): string {
    return join(this.folder, "pieces", name);
  }

  incomingDir(name: string): string {
    return join(this.folder, "incoming", name);
  }

  async makeFolders(): Promise<void> {
    for (const name of subfolders) await mkdir(join(this.folder, name), { recursive: true });
  }

  /** Deletes what dead processes left in `tmp`. The names begin with the process id, so work of running processes stays. */
  async sweep(): Promise<void> {
    for (const name of await readdir(join(this.folder, "tmp"))) {
      if (isRunning(Number(name.split("-")[0]))) continue;
      await rm(join(this.folder, "tmp", name), { recursive: true, force: true });
    }
  }

  /** A new name in `tmp`. */
  temporary(): string {
    return join(this.folder, "tmp", `${process.pid}-${randomBytes(6).toString("hex")}`);
  }

  /** Why nothing can be written here; undefined: it can. */
  async writeFault(): Promise<string | undefined> {
    try {
      await access(join(this.folder, "pieces"), constants.W_OK);
      await access(join(this.folder, "tmp"), constants.W_OK);
      return undefined;
    } catch (error) {
      return whyNot(error);
    }
  }

  /** Names of the pieces here. */
  async names(): Promise<string[]> {
    await this.#update();
    return [...this.#sizes.keys()];
  }

  /** Number and bytes of the pieces here, with their trees. */
  async stored(): Promise<{ readonly pieces: number; readonly bytes: number }> {
    await this.#update();
    let bytes = 0;
    for (const size of this.#sizes.values()) bytes += size;
    return { pieces: this.#sizes.size, bytes };
  }

  /** Bytes that a new piece may take here, after those of the pieces that are being written. */
  async freeBytes(): Promise<number> {
    const [{ bavail, bsize }, begun] = await Promise.all([statfs(this.folder), this.begun()]);
    const free = bavail * bsize - begun.unwritten;
    if (this.maxBytes === undefined) return Math.max(0, free);
    return Math.max(0, Math.min(free, this.maxBytes - (await this.stored()).bytes - begun.bytes));
  }

  /** Names of the pieces of which parts arrived. */
  async incomingNames(): Promise<string[]> {
    return (await namesIn(join(this.folder, "incoming"))).filter((name) => pieceName.test(name));
  }

  /** Bytes of incomplete pieces, and those of them that are not written yet. */
  protected async begun(): Promise<{ bytes: number; unwritten: number }> {
    let [bytes, unwritten] = [0, 0];
    for (const folder of ["incoming", "tmp"]) {
      for (const name of await namesIn(join(this.folder, folder))) {
        for (const file of ["data", "tree"]) {
          const stats = await stat(join(this.folder, folder, name, file)).catch(() => undefined);
          if (stats === undefined) continue;
          bytes += stats.size;
          unwritten += Math.max(0, stats.size - stats.blocks * 512);
        }
      }
    }
    return { bytes, unwritten };
  }

  /** Bytes on the volume of a piece with its tree. */
  protected async bytesOf(name: string): Promise<number> {
    let bytes = 0;
    for (const file of ["data", "tree"]) {
      bytes += (await stat(join(this.pieceDir(name), file)).catch(() => undefined))?.size ?? 0;
    }
    return bytes;
  }

  /** Lists the folder again if it changed, and measures new pieces only. */
  async #update(): Promise<void> {
    const folder = join(this.folder, "pieces");
    const { mtimeMs } = await stat(folder);
    if (this.#listed.isFinal && this.#listed.mtimeMs === mtimeMs) return;
    const names = new Set((await readdir(folder)).filter((name) => pieceName.test(name)));
    for (const name of this.#sizes.keys()) if (!names.has(name)) this.#sizes.delete(name);
    for (const name of names) {
      if (!this.#sizes.has(name)) this.#sizes.set(name, await this.bytesOf(name));
    }
    this.#listed = { mtimeMs, isFinal: Date.now() - mtimeMs > mtimeStep_ms };
  }

  /**
   * Makes the files of `work`, a folder on this volume, those of a piece. If the piece is here already, the new files replace its own
   * one by one, without a gap.
   */
  async publish(work: string, name: string): Promise<void> {
    const target = this.pieceDir(name);
    const files = await readdir(work);
    for (const file of files) await syncPath(join(work, file));
    await syncPath(work);
    try {
      await rename(work, target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      for (const file of files) await rename(join(work, file), join(target, file));
      await rm(join(target, files.includes("data") ? "source" : "data"), { force: true });
      await syncPath(target);
      await rm(work, { recursive: true });
    }
    this.#sizes.delete(name);
    this.#listed.isFinal = false;
    await syncPath(join(this.folder, "pieces"));
  }

  /** Renames a folder of this volume, durably. */
  async rename(from: string, to: string): Promise<void> {
    await rename(from, to);
    await syncPath(dirname(to));
  }

  /** Deletes a piece at once: a crash leaves it whole or in `tmp`. */
  async remove(name: string): Promise<void> {
    const gone = this.temporary();
    await rename(this.pieceDir(name), gone);
    this.#sizes.delete(name);
    await syncPath(join(this.folder, "pieces"));
    await rm(gone, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function copyToDisk(
  files: PieceFiles,
  size: number,
  { data, tree }: { readonly data: string; readonly tree: string },
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  await allocate(data, size);
  const [source, target] = [await files.openData(), await open(data, "r+")];
  try {
    const options = { size, tree, partBytes: rangeBytes, signal };
    const root = await copyInParts(source, options, (bytes, start) => writeAll(target, bytes, start));
    await target.sync();
    return root;
  } finally {
    await source.close();
    await target.close();
  }
}
