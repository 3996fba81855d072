/** A partly fetched piece on disk: the data in `.part`, the index of verified ranges in `.ranges`. */
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { equalBytes } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { rangeCount, rangePlace } from "../../../storage/core/range.ts";
import { writeFileAtomic } from "../../../storage/disk/atomic-write.ts";
import { hashFile } from "../../../storage/disk/hash-file.ts";

/** Ranges between two writes of the index: after a crash at most 64 MB are fetched again. */
const notedRanges = 32;

export class PartialFile {
  readonly #path: string;
  readonly #entry: PieceEntry;
  readonly #have: Uint8Array;
  #file: FileHandle | undefined;
  #unnoted = 0;

  private constructor(path: string, entry: PieceEntry, have: Uint8Array) {
    this.#path = path;
    this.#entry = entry;
    this.#have = have;
  }

  static async open(path: string, entry: PieceEntry): Promise<PartialFile> {
    await mkdir(dirname(path), { recursive: true });
    const bytes = Math.ceil(rangeCount(entry.size) / 8);
    const noted = await readFile(`${path}.ranges`).catch(() => undefined);
    const part = await stat(`${path}.part`).catch(() => undefined);
    const usable =
      noted?.length === 32 + bytes &&
      part?.size === entry.size &&
      equalBytes(noted.subarray(0, 32), entry.root);
    const own = new PartialFile(
      path,
      entry,
      usable ? Uint8Array.from(noted.subarray(32)) : new Uint8Array(bytes),
    );
    own.#file = await open(`${path}.part`, usable ? "r+" : "w+");
    if (!usable) await own.#file.truncate(entry.size);
    return own;
  }

  has(range: number): boolean {
    return (((this.#have[range >> 3] ?? 0) >> (range & 7)) & 1) === 1;
  }

  async put(range: number, bytes: Uint8Array): Promise<void> {
    await this.#file?.write(bytes, 0, bytes.length, rangePlace(this.#entry.size, range).start);
    this.#have[range >> 3] = (this.#have[range >> 3] ?? 0) | (1 << (range & 7));
    if (++this.#unnoted >= notedRanges) await this.note();
  }

  /** Writes the index; syncs the data first, so that the index never lists missing bytes. */
  async note(): Promise<void> {
    this.#unnoted = 0;
    await this.#file?.sync();
    await writeFileAtomic(`${this.#path}.ranges`, Buffer.concat([this.#entry.root, this.#have]));
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Verifies the whole file again. False: this disk damaged it, and the next attempt starts from zero. */
  async finish(): Promise<boolean> {
    await this.#file?.sync();
    await this.close();
    const { root } = await hashFile(`${this.#path}.part`);
    const whole = equalBytes(root, this.#entry.root);
    if (whole) await rename(`${this.#path}.part`, this.#path);
    await rm(`${this.#path}.ranges`, { force: true });
    return whole;
  }
}

/** True if the finished file exists and matches the root. */
export async function isComplete(path: string, entry: PieceEntry): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return (
    stats?.isFile() === true &&
    stats.size === entry.size &&
    equalBytes((await hashFile(path)).root, entry.root)
  );
}
