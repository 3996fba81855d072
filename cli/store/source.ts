/** What a payer stores: a file, or a folder as a tar stream whose length is known before anything is read. Both are read from any place. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { ByteSource } from "../../client/storing/age-stream.ts";
import { nameFault } from "../../client/storing/catalogue.ts";
import { usageError } from "../console/exit.ts";
import { folderParts, type FolderPart } from "./folder.ts";
import { markOf, readUnchanged } from "./unchanged-file.ts";

export type StoredSource = {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly path: string;
  readonly modified_us: number;
  /** SHA-256 over names, sizes, modes and times. */
  readonly fingerprint: string;
  readonly source: ByteSource;
};

/** @throws CliError exit 2 if the path cannot be stored; nothing is read but names, sizes and times */
export async function openSource(path: string): Promise<StoredSource> {
  const whole = resolve(path);
  const name = basename(whole);
  const fault = nameFault(name);
  if (fault !== undefined) throw usageError(`${path} cannot be stored under its name: ${fault}`);
  const stats = await stat(whole, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    const hint = error.code === "ENOENT" ? "no such file or folder" : error.message;
    throw usageError(`${path} cannot be stored: ${hint}`);
  });
  if (stats.isDirectory()) {
    const parts = await folderParts(whole);
    const latest = parts.reduce((last, { modified_us }) => Math.max(last, modified_us), 0);
    const source = new PartsSource(parts.flatMap(({ pieces }) => pieces));
    const lines = parts.map(({ line }) => line);
    return { name, kind: "folder", path: whole, modified_us: latest, fingerprint: hashOf(lines), source };
  }
  if (!stats.isFile()) {
    throw usageError(`${path} cannot be stored`, {
      expected: "a file or a folder",
      actual: "a device, pipe or socket",
    });
  }
  const mark = markOf(whole, stats);
  const lines = ["file", String(mark.size), String(mark.mtime_ns)];
  return {
    name,
    kind: "file",
    path: whole,
    modified_us: Number(stats.mtimeNs / 1_000n),
    fingerprint: hashOf(lines),
    source: new PartsSource([{ kind: "file", bytes: mark.size, mark }]),
  };
}

function hashOf(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${line}\0`);
  return `0x${hash.digest("hex")}`;
}

type Piece = FolderPart["pieces"][number];

/** Bytes in memory and files, one after another. */
class PartsSource implements ByteSource {
  readonly size: number;
  readonly #pieces: readonly Piece[];
  /** Offset of each piece. */
  readonly #starts: readonly number[];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces.filter(({ bytes }) => bytes > 0);
    let size = 0;
    this.#starts = this.#pieces.map(({ bytes }) => (size += bytes) - bytes);
    this.size = size;
  }

  async read(start: number, bytes: number): Promise<Uint8Array> {
    const end = start + bytes;
    if (start < 0 || end > this.size) {
      throw new RangeError(`range: expected within ${this.size} bytes, actual ${start} + ${bytes}`);
    }
    const out = new Uint8Array(bytes);
    for (let i = this.#pieceAt(start); i < this.#pieces.length; i++) {
      const [piece, at] = [this.#pieces[i] as Piece, this.#starts[i] as number];
      if (at >= end) break;
      const from = Math.max(0, start - at);
      const to = Math.min(piece.bytes, end - at);
      const target = out.subarray(at + from - start, at + to - start);
      if (piece.kind === "file") await readUnchanged(piece.mark, from, target);
      else target.set(piece.data.subarray(from, to));
    }
    return out;
  }

  /** Index of the piece with this byte. */
  #pieceAt(offset: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }
}
