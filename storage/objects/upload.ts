/** Sends one object in parts, some at a time. What a killed process began is aborted at the next start. */
import { rm, writeFile } from "node:fs/promises";
import type { Bucket, UploadedPart } from "./bucket.ts";
import { maxPartBytes } from "./parts.ts";

/** End of the name of the file in which a process notes an upload that it has begun. */
export const uploadEnd = ".upload";

/** Parts on their way; a part of the largest size goes alone. */
const maxInFlight = 3;

export class ObjectUpload {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #note: string;
  readonly #parts: UploadedPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  #upload: string | undefined;
  #bytesInFlight = 0;
  #fault: Error | undefined;

  /** @param note path of a new file in a working folder of this process; it ends with `uploadEnd` */
  constructor(bucket: Bucket, key: string, note: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#note = note;
  }

  /** Sends the next part; returns while it is on its way. An object of one part is sent with `only`. */
  async add(bytes: Buffer, { only }: { readonly only: boolean }): Promise<void> {
    if (only) return this.#bucket.put(this.#key, bytes);
    this.#upload ??= await this.#begin();
    const upload = this.#upload;
    while (this.#sending.size >= maxInFlight || this.#bytesInFlight + bytes.length > maxPartBytes) {
      if (this.#sending.size === 0) break;
      await Promise.race(this.#sending);
    }
    if (this.#fault !== undefined) throw this.#fault;
    const part = this.#parts.push({ part: this.#parts.length + 1, etag: "" });
    this.#bytesInFlight += bytes.length;
    const sent = this.#bucket
      .uploadPart(this.#key, upload, part, bytes)
      .then((done) => void (this.#parts[part - 1] = done))
      .catch((error: unknown) => void (this.#fault ??= error as Error))
      .finally(() => {
        this.#bytesInFlight -= bytes.length;
        this.#sending.delete(sent);
      });
    this.#sending.add(sent);
  }

  async #begin(): Promise<string> {
    const upload = await this.#bucket.beginUpload(this.#key);
    await writeFile(this.#note, JSON.stringify({ key: this.#key, upload }));
    return upload;
  }

  async complete(): Promise<void> {
    await Promise.all(this.#sending);
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#upload !== undefined) {
      await this.#bucket.completeUpload(this.#key, this.#upload, this.#parts);
      await rm(this.#note, { force: true });
    }
  }

  async abort(): Promise<void> {
    await Promise.all(this.#sending);
    if (this.#upload === undefined) return;
    await this.#bucket.abortUpload(this.#key, this.#upload);
    await rm(this.#note, { force: true });
  }
}
