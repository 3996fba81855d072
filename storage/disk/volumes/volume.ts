/** One folder that holds pieces: `pieces/<root>/`, `incoming/<root>/` for pieces that arrive in parts, `tmp/` for incomplete ones. */
import { randomBytes } from "node:crypto";
import { access, constants, mkdir, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncPath } from "../atomic-write.ts";
import { whyNot } from "../file-words.ts";

export type VolumeSetting = {
  /** Absolute. */
  readonly path: string;
  /** Most bytes of pieces here. Default: as many as fit the disk. */
  readonly maxBytes?: number | undefined;
};

const pieceName = /^[0-9a-f]{64}$/;
/** Shorter than the steps of a file system's clock: a later change could have the same time. */
const mtimeStep_ms = 2_000;
const subfolders = ["pieces", "incoming", "tmp"] as const;

export class Volume {
  readonly path: string;
  readonly maxBytes: number | undefined;
  /** Bytes on disk of each piece. */
  readonly #sizes = new Map<string, number>();
  #listed = { mtimeMs: -1, isFinal: false };

  constructor({ path, maxBytes }: VolumeSetting) {
    this.path = path;
    this.maxBytes = maxBytes;
  }

  /** Folder of a piece by its name, 64 hex digits. */
  pieceDir(name: string): string {
    return join(this.path, "pieces", name);
  }

  incomingDir(name: string): string {
    return join(this.path, "incoming", name);
  }

  async makeFolders(): Promise<void> {
    for (const name of subfolders) await mkdir(join(this.path, name), { recursive: true });
  }

  /** Deletes what dead processes left in `tmp`. The names begin with the process id, so work of running processes stays. */
  async sweep(): Promise<void> {
    for (const name of await readdir(join(this.path, "tmp"))) {
      if (isRunning(Number(name.split("-")[0]))) continue;
      await rm(join(this.path, "tmp", name), { recursive: true, force: true });
    }
  }

  /** A new name in `tmp`. */
  temporary(): string {
    return join(this.path, "tmp", `${process.pid}-${randomBytes(6).toString("hex")}`);
  }

  /** Why nothing can be written here; undefined: it can. */
  async writeFault(): Promise<string | undefined> {
    try {
      await access(join(this.path, "pieces"), constants.W_OK);
      await access(join(this.path, "tmp"), constants.W_OK);
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
    const [{ bavail, bsize }, begun] = await Promise.all([statfs(this.path), this.#begun()]);
    const free = bavail * bsize - begun.unwritten;
    if (this.maxBytes === undefined) return Math.max(0, free);
    return Math.max(0, Math.min(free, this.maxBytes - (await this.stored()).bytes - begun.bytes));
  }

  /** Bytes of incomplete pieces, and those of them that are not written yet. */
  async #begun(): Promise<{ bytes: number; unwritten: number }> {
    let [bytes, unwritten] = [0, 0];
    for (const folder of ["incoming", "tmp"]) {
      for (const name of await namesIn(join(this.path, folder))) {
        for (const file of ["data", "tree"]) {
          const stats = await stat(join(this.path, folder, name, file)).catch(() => undefined);
          if (stats === undefined) continue;
          bytes += stats.size;
          unwritten += Math.max(0, stats.size - stats.blocks * 512);
        }
      }
    }
    return { bytes, unwritten };
  }

  /** Lists the folder again if it changed, and measures new pieces only. */
  async #update(): Promise<void> {
    const folder = join(this.path, "pieces");
    const { mtimeMs } = await stat(folder);
    if (this.#listed.isFinal && this.#listed.mtimeMs === mtimeMs) return;
    const names = new Set((await readdir(folder)).filter((name) => pieceName.test(name)));
    for (const name of this.#sizes.keys()) if (!names.has(name)) this.#sizes.delete(name);
    for (const name of names) {
      if (!this.#sizes.has(name)) this.#sizes.set(name, await bytesIn(this.pieceDir(name)));
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
    await syncPath(join(this.path, "pieces"));
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
    await syncPath(join(this.path, "pieces"));
    await rm(gone, { recursive: true });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

async function bytesIn(dir: string): Promise<number> {
  let bytes = 0;
  for (const file of ["data", "tree"])
    bytes += (await stat(join(dir, file)).catch(() => undefined))?.size ?? 0;
  return bytes;
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
