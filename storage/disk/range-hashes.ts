/** Hashes of a range: in the caller's thread, or, for a long one, in a thread of its own, so that the event loop goes on meanwhile. */
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import { layerBytes, SegmentHasher } from "./segment-hasher.ts";
import { ThreadPool } from "./thread-pool.ts";

/** What the tree file holds of a range. */
export type RangeHashes = {
  /** Segment roots, concatenated. */
  readonly roots: Uint8Array;
  /** 4 KiB layers, concatenated. */
  readonly layers: Uint8Array;
};

export type HashedBytes = RangeHashes & { readonly bytes: Uint8Array };

/** All calls share one hasher, because no call awaits while it hashes. */
const hasher = new SegmentHasher();

/** Hashes at most the segments of one range. */
export function hashesOf(bytes: Uint8Array): RangeHashes {
  const count = Math.ceil(bytes.length / segmentBytes);
  const roots = Buffer.alloc(count * hashBytes);
  const layers = Buffer.alloc(count * layerBytes);
  for (let i = 0; i < count; i++) {
    const segment = bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes);
    hasher.data.set(segment);
    hasher.data.fill(0, segment.length);
    roots.set(hasher.hashSegment(), i * hashBytes);
    hasher.copyLayer(layers, i * layerBytes);
  }
  return { roots, layers };
}

/** The roots one by one. */
export function rootsOf({ roots }: Pick<RangeHashes, "roots">): Uint8Array[] {
  return Array.from({ length: roots.length / hashBytes }, (_, i) =>
    roots.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
}

/** The extension of this file: TypeScript in a clone, JavaScript in the built package. */
const threadFile = new URL(`./range-thread${extname(import.meta.filename)}`, import.meta.url);
/** One thread for each core, at most four: more of them are faster than a network or a disk. */
const threads = new ThreadPool<Uint8Array, HashedBytes>(threadFile, Math.min(4, availableParallelism()));
/** A shorter range is hashed in less time than it takes to hand it over twice. */
const inPlaceBytes = 2 * segmentBytes;

/**
 * Hashes a range. The caller gives its whole buffer away: a long range goes to a thread, and neither `bytes` nor another view of its buffer
 * can be used afterwards. The result has the bytes again.
 */
export async function hashedBytes(bytes: Uint8Array): Promise<HashedBytes> {
  if (bytes.length <= inPlaceBytes) return { bytes, ...hashesOf(bytes) };
  return threads.run(bytes, [bytes.buffer as ArrayBuffer]);
}
