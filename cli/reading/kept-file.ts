/**
 * A file that is being fetched. Beside it `.part` has the bytes and `.part.log` says of each range by which hash, from which source, and whether
 * it is proven: a line is written after the bytes are on the disk. The file appears under its name once it is whole.
 */
import { mkdir, open, readFile, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { KeptRange, RangeStore } from "../../client/reading/range-store.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import { rangeCount, rangePlace } from "../../storage/core/range.ts";
import { namingFullDisk } from "../../storage/disk/disk-full.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import type { Hashes } from "../archive/hash-blocks.ts";

/** Ranges between two writes of the log: after a crash at most 64 MB are fetched again. */
const notedRanges = 32;

export type KeptEntry = { readonly root: Hex; readonly size: number };
/** A range that was kept, or ranges whose bytes were proven or given up. */
type Line =
  | readonly [range: number, top: Hex, source: string, isProven: boolean]
  | { readonly proven: readonly number[] }
  | { readonly dropped: readonly number[] };

export class KeptFile implements RangeStore {
  readonly kept: readonly KeptRange[];
  readonly #path: string;
  readonly #entry: KeptEntry;
  readonly #data: FileHandle;
  readonly #log: FileHandle;
  #lines: Line[] = [];
  #noting: Promise<void> = Promise.resolve();

  private constructor(
    path: string,
    entry: KeptEntry,
    { data, log, kept }: { data: FileHandle; log: FileHandle; kept: readonly KeptRange[] },
  ) {
    this.#path = path;
    this.#entry = entry;
    this.#data = data;
    this.#log = log;
    this.kept = kept;
  }

  /** Continues with what an earlier run left of the same piece. @throws DiskFullError */
  static async open(path: string, entry: KeptEntry): Promise<KeptFile> {
    return namingFullDisk(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      const head = JSON.stringify(entry);
      const part = await stat(`${path}.part`).catch(() => undefined);
      const text = await readFile(`${path}.part.log`, "utf8").catch(() => "");
      const [first, ...lines] = text.split("\n");
      const isOurs = first === head && part?.size === entry.size;
      const data = await open(`${path}.part`, isOurs ? "r+" : "w+");
      if (!isOurs) await data.truncate(entry.size);
      const kept = isOurs ? readLines(lines, entry.size) : [];
      // A line that a crash cut off is written anew, with the others.
      const log = await open(`${path}.part.log`, "w");
      await log.write(`${[head, ...kept.map((one) => JSON.stringify(lineOf(one)))].join("\n")}\n`);
      return new KeptFile(path, entry, { data, log, kept });
    });
  }

  async put(kept: KeptRange, bytes: Uint8Array): Promise<void> {
    const { start } = rangePlace(this.#entry.size, kept.range);
    await namingFullDisk(this.#path, async () => {
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await this.#data.write(
          bytes,
          written,
          bytes.length - written,
          start + written,
        );
        written += bytesWritten;
      }
    });
    await this.#add(lineOf(kept));
  }

  prove(ranges: readonly number[]): Promise<void> {
    return this.#add({ proven: ranges });
  }

  drop(ranges: readonly number[]): Promise<void> {
    return this.#add({ dropped: ranges });
  }

  async read(range: number): Promise<Uint8Array> {
    const { start, bytes } = rangePlace(this.#entry.size, range);
    const { buffer, bytesRead } = await this.#data.read(Buffer.alloc(bytes), 0, bytes, start);
    return buffer.subarray(0, bytesRead);
  }

  async #add(line: Line): Promise<void> {
    this.#lines.push(line);
    if (this.#lines.length >= notedRanges) await this.note();
  }

  /** Writes the log; the bytes first, so that no line is of bytes that are missing. */
  note(): Promise<void> {
    const lines = this.#lines.splice(0);
    this.#noting = this.#noting.then(() =>
      namingFullDisk(this.#path, async () => {
        if (lines.length === 0) return;
        await this.#data.datasync();
        await this.#log.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
      }),
    );
    return this.#noting;
  }

  /** Reads the bytes on the disk once more. */
  async hashes(onBytes?: (bytes: number) => void): Promise<Hashes> {
    await this.#data.datasync();
    return hashFileOnce(`${this.#path}.part`, onBytes);
  }

  /** The file is whole: it gets its name. */
  async finish(): Promise<void> {
    await rename(`${this.#path}.part`, this.#path);
    await this.forget();
  }

  /** The next run begins anew. */
  async forget(): Promise<void> {
    this.#lines = [];
    await rm(`${this.#path}.part.log`, { force: true });
  }

  /** Keeps what there is for the next run. */
  async close(): Promise<void> {
    await this.note().catch(() => undefined);
    await Promise.allSettled([this.#data.close(), this.#log.close()]);
  }
}

function lineOf({ range, top, source, isProven }: KeptRange): Line {
  return [range, toHex(top), source, isProven];
}

/** Lines up to the first one that is none: a crash may have cut it off. */
function readLines(lines: readonly string[], size: number): KeptRange[] {
  const kept = new Map<number, KeptRange>();
  const count = rangeCount(size);
  for (const text of lines) {
    const line = parsed(text);
    if (line === undefined) break;
    if ("dropped" in line) for (const range of line.dropped) kept.delete(range);
    else if ("proven" in line) {
      for (const range of line.proven) {
        const one = kept.get(range);
        if (one !== undefined) kept.set(range, { ...one, isProven: true });
      }
    } else {
      const [range, top, source, isProven] = line;
      if (range < count) kept.set(range, { range, top: fromHex(top, 32), source, isProven });
    }
  }
  return [...kept.values()].sort((a, b) => a.range - b.range);
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
