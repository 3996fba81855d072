/**
 * The file of an item that is being read back, with the plain bytes at their offsets, and a file `.chunks` with the list of the chunks that it
 * holds. A record of the list is written after the bytes are durable. It has their CRC-32, by which the next run finds damaged chunks.
 */
import { open, readFile, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { chunkBytes, chunkCount } from "../../client/storing/age-stream.ts";
import { equalBytes } from "../../storage/core/bytes.ts";

/** first chunk u32 ‖ number of chunks u32 ‖ CRC-32 of their bytes. */
const recordBytes = 12;
const idBytes = 32;
/** The list is written after this number of bytes: after a crash, at most these are fetched again. */
const notedBytes = 64 * 1024 * 1024;

/** Chunks [from, end). */
export type Span = { readonly from: number; readonly end: number };

export class PlainFile {
  readonly path: string;
  readonly bytes: number;
  readonly #file: FileHandle;
  readonly #list: FileHandle;
  readonly #have: Uint8Array;
  #left: number;
  #records: Buffer[] = [];
  #unnoted = 0;
  #noting: Promise<void> = Promise.resolve();

  private constructor(path: string, bytes: number, file: FileHandle, list: FileHandle) {
    this.path = path;
    this.bytes = bytes;
    this.#file = file;
    this.#list = list;
    this.#left = chunkCount(bytes);
    this.#have = new Uint8Array(Math.ceil(this.#left / 8));
  }

  /** Continues the file of an earlier run of the same item. @param id 32 bytes that name the item and its content */
  static async open(path: string, id: Uint8Array, bytes: number): Promise<PlainFile> {
    const listed = await readFile(`${path}.chunks`).catch(() => undefined);
    const length = (await stat(path).catch(() => undefined))?.size;
    const isSame = length === bytes && listed !== undefined && equalBytes(listed.subarray(0, idBytes), id);
    // The list is replaced first: after a crash between the two, an old list would describe an empty file as full.
    const list = await open(`${path}.chunks`, isSame ? "a" : "w");
    if (!isSame) await list.write(id);
    // A crash may leave an incomplete record at the end. Records behind it would be read at wrong offsets.
    else await list.truncate(listed.length - ((listed.length - idBytes) % recordBytes));
    const file = await open(path, isSame ? "r+" : "w+");
    const own = new PlainFile(path, bytes, file, list);
    if (isSame) await own.#checkAll(listed.subarray(idBytes));
    else await file.truncate(bytes);
    return own;
  }

  async #checkAll(records: Buffer): Promise<void> {
    for (let at = 0; at + recordBytes <= records.length; at += recordBytes) {
      const [first, count, crc] = [0, 4, 8].map((offset) => records.readUInt32BE(at + offset)) as [
        number,
        number,
        number,
      ];
      const start = first * chunkBytes;
      // A record has at most the chunks of one range; another one is damaged.
      if (count < 1 || count > maxRecordChunks || first + count > chunkCount(this.bytes)) continue;
      const length = Math.min(this.bytes, start + count * chunkBytes) - start;
      const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(length), 0, length, start);
      if (bytesRead === length && crc32(buffer) === crc) this.#mark(first, count);
    }
  }

  has(chunk: number): boolean {
    return (((this.#have[chunk >> 3] ?? 0) >> (chunk & 7)) & 1) === 1;
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /** The chunks that are missing. */
  gaps(): Span[] {
    const gaps: Span[] = [];
    const chunks = chunkCount(this.bytes);
    for (let from = 0; from < chunks; from++) {
      if (this.has(from)) continue;
      let end = from + 1;
      while (end < chunks && !this.has(end)) end++;
      gaps.push({ from, end });
      from = end;
    }
    return gaps;
  }

  /** Writes whole chunks. @param crc CRC-32 of `plain` @returns the number of bytes that were missing until now */
  async put(first: number, count: number, plain: Uint8Array, crc = crc32(plain)): Promise<number> {
    let written = 0;
    while (written < plain.length) {
      const at = first * chunkBytes + written;
      written += (await this.#file.write(plain, written, plain.length - written, at)).bytesWritten;
    }
    const added = this.#mark(first, count);
    if (added.chunks === 0) return 0;
    const record = Buffer.alloc(recordBytes);
    record.writeUInt32BE(first, 0);
    record.writeUInt32BE(count, 4);
    record.writeUInt32BE(crc, 8);
    this.#records.push(record);
    this.#unnoted += plain.length;
    if (this.#unnoted >= notedBytes) await this.note();
    return added.bytes;
  }

  #mark(first: number, count: number): { readonly chunks: number; readonly bytes: number } {
    let [chunks, bytes] = [0, 0];
    for (let chunk = first; chunk < first + count; chunk++) {
      if (this.has(chunk)) continue;
      this.#have[chunk >> 3] = (this.#have[chunk >> 3] ?? 0) | (1 << (chunk & 7));
      chunks++;
      bytes += Math.min(chunkBytes, this.bytes - chunk * chunkBytes);
    }
    this.#left -= chunks;
    return { chunks, bytes };
  }

  /** Makes the written bytes durable, and then adds them to the list. */
  async note(): Promise<void> {
    const records = this.#records;
    this.#records = [];
    this.#unnoted = 0;
    this.#noting = this.#noting.then(async () => {
      await this.#file.datasync();
      await this.#list.write(Buffer.concat(records));
    });
    await this.#noting;
  }

  /** Closes both files, which stay for the next run. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.#list.close();
  }

  /** Deletes both files: the item was moved to its place, or is not wanted any more. */
  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    await rm(`${this.path}.chunks`, { force: true });
  }
}

/** A range of 1,984 KiB holds at most this number of chunks. */
const maxRecordChunks = 32;
