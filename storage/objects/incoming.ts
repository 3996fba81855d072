/**
 * A piece that arrives in ranges and goes on to an object store. A range is durable on this machine before it is acknowledged. When all ranges
 * of a part are here, the part is sent, its ETag is noted durably, and its bytes on this machine are deleted. Beside `tree` the folder has:
 *   arriving    the piece's size
 *   part-<n>    ranges of a part that is not sent yet
 *   parts       lines: the id of the multipart upload, the parts that were sent, and that it is complete
 */
import { open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../disk/atomic-write.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { rangeBytes, rangeCount } from "../core/range.ts";
import { LostPartsError } from "../disk/volumes/volume.ts";
import type { Bucket, UploadedPart } from "./bucket.ts";
import { NoUploadError } from "./errors.ts";
import { partCount, rangesPerPart } from "./parts.ts";

type Line =
  | { readonly upload: string }
  | { readonly part: number; readonly etag: string }
  | { readonly complete: true };

type Sent = { upload: string | undefined; readonly parts: Map<number, UploadedPart>; isComplete: boolean };

const sizeFile = "arriving";

export async function allocateArriving(work: string, size: number): Promise<void> {
  const path = join(work, sizeFile);
  await writeFile(path, `${size}\n`);
  await syncPath(path);
}

/** Bytes of the piece that arrives in `dir`; undefined if that is not known. */
export async function arrivingSize(dir: string): Promise<number | undefined> {
  const text = await readFile(join(dir, sizeFile), "utf8").catch(() => "");
  const size = Number(text.trim());
  return Number.isSafeInteger(size) && size > 0 ? size : undefined;
}

export class ArrivingObject {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #dir: string;

  constructor(bucket: Bucket, key: string, dir: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#dir = dir;
  }

  #partPath(part: number): string {
    return join(this.#dir, `part-${part}`);
  }

  /** Returns when the ranges are durable, here or in the store. */
  async write(
    ranges: readonly { readonly range: number; readonly bytes: Uint8Array }[],
    has: (range: number) => boolean,
  ): Promise<void> {
    const size = await arrivingSize(this.#dir);
    if (size === undefined) throw new Error(`${this.#dir}: damaged: its size is missing; delete the folder`);
    const sent = await this.#sent();
    const perPart = rangesPerPart(size);
    const touched = new Map<number, { readonly range: number; readonly bytes: Uint8Array }[]>();
    for (const one of ranges) {
      const part = Math.floor(one.range / perPart) + 1;
      // Sent before a crash that came before the range was noted: the same bytes, as they have the same root.
      if (sent.parts.has(part) || sent.isComplete) continue;
      touched.set(part, [...(touched.get(part) ?? []), one]);
    }
    const now = new Set(ranges.map(({ range }) => range));
    for (const [part, own] of touched) {
      await this.#keep(part, own, perPart);
      const first = (part - 1) * perPart;
      const end = Math.min(first + perPart, rangeCount(size));
      const isWhole = Array.from({ length: end - first }, (_, i) => first + i).every(
        (range) => now.has(range) || has(range),
      );
      // A piece of one part is sent when it is complete, by one request.
      if (isWhole && partCount(size) > 1) await this.#send(sent, part);
    }
  }

  async #keep(
    part: number,
    ranges: readonly { readonly range: number; readonly bytes: Uint8Array }[],
    perPart: number,
  ): Promise<void> {
    const path = this.#partPath(part);
    const isNew = (await stat(path).catch(() => undefined)) === undefined;
    const file = await open(path, isNew ? "w+" : "r+");
    try {
      for (const { range, bytes } of ranges) {
        const start = (range - (part - 1) * perPart) * rangeBytes;
        for (let done = 0; done < bytes.length;) {
          done += (await file.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
        }
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    if (isNew) await syncPath(this.#dir);
  }

  async #send(sent: Sent, part: number): Promise<void> {
    if (sent.upload === undefined) {
      sent.upload = await this.#bucket.beginUpload(this.#key);
      await this.#note({ upload: sent.upload });
    }
    const body = await readFile(this.#partPath(part));
    const done = await this.#bucket.uploadPart(this.#key, sent.upload, part, body).catch((error: unknown) => {
      throw error instanceof NoUploadError ? this.#lost(error) : error;
    });
    await this.#note(done);
    sent.parts.set(part, done);
    await rm(this.#partPath(part));
  }

  #lost(error: NoUploadError): LostPartsError {
    return new LostPartsError(
      `${error.message}: what had arrived of the piece is gone, and is asked for again; let incomplete uploads live for a week or more`,
    );
  }

  /** @throws LostPartsError if the store has forgotten what it had */
  async finish({ size }: PieceEntry): Promise<void> {
    const sent = await this.#sent();
    if (sent.isComplete) return;
    if (partCount(size) === 1) {
      await this.#bucket.put(this.#key, await readFile(this.#partPath(1)));
    } else {
      for (let part = 1; part <= partCount(size); part++) {
        if (!sent.parts.has(part)) await this.#send(sent, part);
      }
      await this.#complete(sent, size);
    }
    await this.#note({ complete: true });
  }

  async #complete(sent: Sent, size: number): Promise<void> {
    try {
      await this.#bucket.completeUpload(this.#key, sent.upload as string, [...sent.parts.values()]);
    } catch (error) {
      if (!(error instanceof NoUploadError)) throw error;
      // It may have been completed before a crash that came before the note.
      if ((await this.#bucket.size(this.#key)) !== size) throw this.#lost(error);
    }
  }

  /** Forgets the parts in the store, before the folder is deleted. */
  async abort(): Promise<void> {
    const { upload, isComplete } = await this.#sent();
    if (upload !== undefined && !isComplete) await this.#bucket.abortUpload(this.#key, upload);
  }

  async #sent(): Promise<Sent> {
    const sent: Sent = { upload: undefined, parts: new Map(), isComplete: false };
    const text = await readFile(join(this.#dir, "parts"), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    // A crash may leave the last line incomplete: its part is sent again.
    for (const line of text.split("\n").slice(0, -1)) {
      const read = JSON.parse(line) as Line;
      if ("upload" in read) sent.upload = read.upload;
      else if ("part" in read) sent.parts.set(read.part, read);
      else sent.isComplete = true;
    }
    return sent;
  }

  async #note(line: Line): Promise<void> {
    const path = join(this.#dir, "parts");
    const before = await readFile(path, "utf8").catch(() => "");
    const file = await open(path, "a");
    try {
      // Ends a line that a crash left incomplete.
      const rest = before === "" || before.endsWith("\n") ? "" : before.slice(before.lastIndexOf("\n") + 1);
      if (rest !== "") await file.truncate(Buffer.byteLength(before) - Buffer.byteLength(rest));
      await file.write(`${JSON.stringify(line)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncPath(this.#dir);
  }
}
