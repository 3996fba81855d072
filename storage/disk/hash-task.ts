import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import { layerBytes, SegmentHasher } from "./segment-hasher.ts";
import { treeLayout } from "./tree-file.ts";

/** Segments of one chunk, about 2 MB: small enough that all workers end at about the same time. */
export const chunkSegments = 16;

export type HashTask = {
  readonly source: string;
  /** Bytes of the source at the start. */
  readonly size: number;
  /** Target files: `data` for the hashed bytes, if they are copied; `tree` for the 4 KiB layer and the segment roots. */
  readonly store?: { readonly data?: string | undefined; readonly tree: string };
  /** For measurements only: a SHA-256 stream over the same chunks instead of the tree. */
  readonly rawStream?: boolean;
};

export type ChunkDone = {
  readonly firstSegment: number;
  /** Segment roots of the chunk, 32 bytes each. */
  readonly roots: Uint8Array;
  /** Bytes of the file in the chunk. */
  readonly bytes: number;
};

/** Hashes chunks, and copies them if the task says so. Needs memory for one segment. */
export class ChunkHasher {
  readonly #task: HashTask;
  readonly #hasher = new SegmentHasher();
  readonly #layer = Buffer.alloc(chunkSegments * layerBytes);
  readonly #source: number;
  readonly #data: number | undefined;
  readonly #tree: number | undefined;
  readonly #raw = createHash("sha256");

  constructor(task: HashTask) {
    this.#task = task;
    this.#source = openSync(task.source, "r");
    const data = task.store?.data;
    this.#data = data === undefined ? undefined : openSync(data, "r+");
    this.#tree = task.store && openSync(task.store.tree, "r+");
  }

  /** @throws Error if the file became shorter, or cannot be read or written */
  hashChunk(chunk: number): ChunkDone {
    const layout = treeLayout(this.#task.size);
    const firstSegment = chunk * chunkSegments;
    const count = Math.min(chunkSegments, layout.segments - firstSegment);
    const roots = Buffer.alloc(count * hashBytes);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const filled = this.#readSegment(firstSegment + i);
      bytes += filled;
      if (this.#task.rawStream) {
        this.#raw.update(filled === segmentBytes ? this.#hasher.data : this.#hasher.data.subarray(0, filled));
        continue;
      }
      roots.set(this.#hasher.hashSegment(), i * hashBytes);
      if (this.#tree !== undefined) this.#hasher.copyLayer(this.#layer, i * layerBytes);
    }
    if (this.#tree !== undefined) {
      writeAll(this.#tree, this.#layer.subarray(0, count * layerBytes), layout.layerOffset(firstSegment));
      writeAll(this.#tree, roots, layout.nodeOffset(0, firstSegment));
    }
    return { firstSegment, roots, bytes };
  }

  #readSegment(segment: number): number {
    const { size, source } = this.#task;
    const { data } = this.#hasher;
    const start = segment * segmentBytes;
    const expected = Math.min(segmentBytes, size - start);
    let filled = 0;
    while (filled < expected) {
      const read = readSync(this.#source, data, filled, expected - filled, start + filled);
      if (read === 0) {
        throw new Error(
          `${source} changed while it was read: expected ${size} bytes, actual ${start + filled}`,
        );
      }
      filled += read;
    }
    data.fill(0, filled);
    // The copy is written from the memory that is hashed, so both are equal; hashing overwrites parts of it.
    if (this.#data !== undefined) writeAll(this.#data, data.subarray(0, filled), start);
    return filled;
  }

  close(): void {
    for (const fd of [this.#source, this.#data, this.#tree]) if (fd !== undefined) closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}
