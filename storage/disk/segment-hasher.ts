import { hash } from "node:crypto";
import { DATA_LEAVES, HASH_BYTES, LEAF_BYTES, SEGMENT_BYTES, SEGMENT_LEAVES } from "../core/geometry.ts";
import { TAG } from "../core/merkle.ts";

/** Digests of the stored layer in each segment: one for every 4 KiB of data. The 32nd is always of zeros. */
export const LAYER_DIGESTS = DATA_LEAVES / 4;
export const LAYER_BYTES = LAYER_DIGESTS * HASH_BYTES;
const LAYER_LEVEL = 2;

const PAIR_BYTES = 1 + 2 * HASH_BYTES;

/** The runtime takes every buffer encoding here; the types list only some. */
const LATIN1 = "latin1" as "binary";

interface Level {
  readonly bytes: Buffer;
  /** One view for each parent to compute: tag ‖ left ‖ right. */
  readonly pairs: readonly Buffer[];
  /** Parents that depend on data; the others are of zeros and were computed once. */
  readonly live: number;
}

/**
 * Hashes segments at the speed of the hash itself. What costs at 1 KiB leaves and 65-byte nodes is not SHA-256 but
 * everything around it, so: all views are made once, children lie where their parent's input wants them, and digests
 * come back as latin1 strings, which Node makes several times faster than buffers.
 */
export class SegmentHasher {
  /** Fill with the segment's bytes (zeros after the end), then call `hashSegment`, which overwrites some of them. */
  readonly data: Buffer;
  readonly #input: Buffer;
  readonly #leaves: readonly Buffer[];
  readonly #levels: readonly Level[];

  constructor() {
    // One byte ahead of the data holds the first leaf's tag; the others take the last byte of the leaf before.
    this.#input = Buffer.alloc(1 + SEGMENT_BYTES);
    this.data = this.#input.subarray(1);
    this.#leaves = Array.from({ length: DATA_LEAVES }, (_, i) =>
      this.#input.subarray(i * LEAF_BYTES, i * LEAF_BYTES + 1 + LEAF_BYTES),
    );
    const levels: Level[] = [];
    let live = DATA_LEAVES;
    for (let parents = SEGMENT_LEAVES / 2; parents >= 1; parents /= 2) {
      live = Math.ceil(live / 2);
      const bytes = Buffer.alloc(parents * PAIR_BYTES);
      const pairs = Array.from({ length: parents }, (_, i) =>
        bytes.subarray(i * PAIR_BYTES, (i + 1) * PAIR_BYTES),
      );
      for (const pair of pairs) pair[0] = TAG.node;
      levels.push({ bytes, pairs, live });
    }
    this.#levels = levels;
    this.#placeZeros();
  }

  #placeZeros(): void {
    let zero = hash("sha256", Buffer.alloc(1 + LEAF_BYTES), LATIN1);
    let live = DATA_LEAVES;
    for (const level of this.#levels) {
      for (let i = live; i < level.pairs.length * 2; i++) place(level, i, zero);
      zero = hash("sha256", level.pairs[level.pairs.length - 1] as Buffer, LATIN1);
      live = level.live;
    }
  }

  /** Root of the segment in `data`, 32 bytes. */
  hashSegment(): Buffer {
    const input = this.#input;
    const leaves = this.#leaves;
    let level = this.#levels[0] as Level;
    for (let i = 0; i < DATA_LEAVES; i++) {
      input[i * LEAF_BYTES] = TAG.leaf; // the leaf before, whose last byte this is, is hashed already
      place(level, i, hash("sha256", leaves[i] as Buffer, LATIN1));
    }
    for (let l = 1; l < this.#levels.length; l++) {
      const next = this.#levels[l] as Level;
      for (let i = 0; i < level.live; i++) place(next, i, hash("sha256", level.pairs[i] as Buffer, LATIN1));
      level = next;
    }
    return hash("sha256", level.pairs[0] as Buffer, "buffer");
  }

  /** Copies the layer of the segment hashed last (31 digests of 4 KiB each) to `target`. */
  copyLayer(target: Buffer, offset: number): void {
    const { pairs } = this.#levels[LAYER_LEVEL] as Level;
    for (let i = 0; i < LAYER_DIGESTS; i++) {
      const start = 1 + (i % 2) * HASH_BYTES;
      (pairs[i >> 1] as Buffer).copy(target, offset + i * HASH_BYTES, start, start + HASH_BYTES);
    }
  }
}

function place(level: Level, child: number, digest: string): void {
  level.bytes.write(digest, (child >> 1) * PAIR_BYTES + 1 + (child & 1) * HASH_BYTES, HASH_BYTES, "latin1");
}
