/** An object that is read like a file: from ranges that were read ahead, else in blocks, of which some are kept. */
import type { ReadFile } from "../disk/readable-piece.ts";
import type { Bucket } from "./bucket.ts";

export type Span = { readonly start: number; readonly bytes: Buffer };

export type RemoteFileOptions = {
  readonly bytes: number;
  /** Bytes of one request, and number of blocks in memory. */
  readonly blockBytes: number;
  readonly blocks: number;
  /** Ranges that are here already. */
  readonly spans?: readonly Span[];
};

export class RemoteFile implements ReadFile {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #options: RemoteFileOptions;
  /** In the order of use, the last used at the end. */
  readonly #blocks = new Map<number, Buffer>();

  constructor(bucket: Bucket, key: string, options: RemoteFileOptions) {
    this.#bucket = bucket;
    this.#key = key;
    this.#options = options;
  }

  /** Fewer bytes than asked for only at the end. @throws ObjectStoreError, MissingObjectError */
  async read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    const span = this.#options.spans?.find(
      ({ start, bytes }) => start <= position && position + length <= start + bytes.length,
    );
    if (span !== undefined) {
      span.bytes.copy(buffer, offset, position - span.start, position - span.start + length);
      return { bytesRead: length };
    }
    const { bytes, blockBytes } = this.#options;
    const end = Math.min(position + length, bytes);
    let bytesRead = 0;
    while (position + bytesRead < end) {
      const at = position + bytesRead;
      const index = Math.floor(at / blockBytes);
      const block = await this.#block(index);
      const from = at - index * blockBytes;
      bytesRead += block.copy(buffer, offset + bytesRead, from, Math.min(block.length, from + end - at));
    }
    return { bytesRead };
  }

  async #block(index: number): Promise<Buffer> {
    const { bytes, blockBytes, blocks } = this.#options;
    let block = this.#blocks.get(index);
    if (block === undefined) {
      const start = index * blockBytes;
      block = await this.#bucket.get(this.#key, start, Math.min(blockBytes, bytes - start));
    }
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= blocks) break;
      this.#blocks.delete(oldest);
    }
    return block;
  }

  async close(): Promise<void> {
    this.#blocks.clear();
  }
}
