import { hash } from "node:crypto";
import {
  dataLeavesPerSegment,
  hashBytes,
  leafBytes,
  segmentBytes,
  leavesPerSegment,
} from "../core/geometry.ts";
import { domainTags } from "../core/merkle.ts";

/** Digests in the stored layer of a segment: one for every 4 KiB of data. The 32nd is constant, since its leaves are zero. */
export const layerDigests = dataLeavesPerSegment / 4;
export const layerBytes = layerDigests * hashBytes;
const layerLevel = 2;

const pairBytes = 1 + 2 * hashBytes;

/** The runtime accepts every buffer encoding; the types list only some. */
const digestEncoding = "latin1" as "binary";

type Level = {
  readonly bytes: Buffer;
  /** One view for each parent to compute: tag ‖ left ‖ right. */
  readonly pairs: readonly Buffer[];
  /** Number of parents that depend on data; the others are constant and computed once. */
  readonly live: number;
};

/**
 * Hashes segments at nearly the speed of SHA-256. With 1 KiB leaves and 65-byte nodes the overhead around SHA-256 dominates, so all
 * views are created once, children are stored at their position in the parent's input, and digests are latin1 strings, which Node
 * creates several times faster than buffers.
 */
export class SegmentHasher {
  /** Input: the segment's bytes, zeros after the end. `hashSegment` overwrites some of them. */
  readonly data: Buffer;
  readonly #input: Buffer;
  readonly #leaves: readonly Buffer[];
  readonly #levels: readonly Level[];

  constructor() {
    // The byte before the data has the first leaf's tag; each other tag overwrites the last byte of the previous leaf.
    this.#input = Buffer.alloc(1 + segmentBytes);
    this.data = this.#input.subarray(1);
    this.#leaves = Array.from({ length: dataLeavesPerSegment }, (_, i) =>
      this.#input.subarray(i * leafBytes, i * leafBytes + 1 + leafBytes),
    );
    const levels: Level[] = [];
    let live = dataLeavesPerSegment;
    for (let parents = leavesPerSegment / 2; parents >= 1; parents /= 2) {
      live = Math.ceil(live / 2);
      const bytes = Buffer.alloc(parents * pairBytes);
      const pairs = Array.from({ length: parents }, (_, i) =>
        bytes.subarray(i * pairBytes, (i + 1) * pairBytes),
      );
      for (const pair of pairs) pair[0] = domainTags.node;
      levels.push({ bytes, pairs, live });
    }
    this.#levels = levels;
    this.#placeZeros();
  }

  #placeZeros(): void {
    let zero = hash("sha256", Buffer.alloc(1 + leafBytes), digestEncoding);
    let live = dataLeavesPerSegment;
    for (const level of this.#levels) {
      for (let i = live; i < level.pairs.length * 2; i++) place(level, i, zero);
      zero = hash("sha256", level.pairs[level.pairs.length - 1] as Buffer, digestEncoding);
      live = level.live;
    }
  }

  /** Root of the segment in `data`, 32 bytes. */
  hashSegment(): Buffer {
    const input = this.#input;
    const leaves = this.#leaves;
    let level = this.#levels[0] as Level;
    for (let i = 0; i < dataLeavesPerSegment; i++) {
      input[i * leafBytes] = domainTags.leaf; // the last byte of the previous leaf, which is hashed already
      place(level, i, hash("sha256", leaves[i] as Buffer, digestEncoding));
    }
    for (let l = 1; l < this.#levels.length; l++) {
      const next = this.#levels[l] as Level;
      for (let i = 0; i < level.live; i++)
        place(next, i, hash("sha256", level.pairs[i] as Buffer, digestEncoding));
      level = next;
    }
    return hash("sha256", level.pairs[0] as Buffer, "buffer");
  }

  /** Copies the layer of the last hashed segment (31 digests of 4 KiB each) to `target`. */
  copyLayer(target: Buffer, offset: number): void {
    const { pairs } = this.#levels[layerLevel] as Level;
    for (let i = 0; i < layerDigests; i++) {
      const start = 1 + (i % 2) * hashBytes;
      (pairs[i >> 1] as Buffer).copy(target, offset + i * hashBytes, start, start + hashBytes);
    }
  }
}

function place(level: Level, child: number, digest: string): void {
  level.bytes.write(digest, (child >> 1) * pairBytes + 1 + (child & 1) * hashBytes, hashBytes, "latin1");
}
