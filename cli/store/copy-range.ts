/**
 * Makes the ranges of a copy: in this thread for a short piece, in worker threads for a long one, so that encryption, hashing and sending
 * run at the same time.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import type { Envelope } from "../../client/storing/age-envelope.ts";
import { SealedSource, type ByteSource } from "../../client/storing/age-stream.ts";
import { release } from "../../storage/core/bytes.ts";
import { rangeCount, rangePlace } from "../../storage/core/range.ts";
import { hashesOf } from "../../storage/disk/range-hashes.ts";
import { ThreadPool, ThreadTaskError } from "../../storage/disk/thread-pool.ts";
import { nodeCipher } from "./cipher.ts";
import { PartsSource, type SourcePart } from "./parts.ts";
import { SourceChangedError } from "./unchanged-file.ts";

/** The bytes of a range, and 32 bytes that differ if its plain bytes differ. */
export type MadeRange = { readonly bytes: Uint8Array; readonly check: Uint8Array };
/** What the first pass keeps of a range. */
export type HashedRange = {
  readonly length: number;
  readonly check: Uint8Array;
  /** Segment roots, concatenated. */
  readonly roots: Uint8Array;
};

export type RangeTask = {
  /** "hash": the result has the hashes without the bytes. */
  readonly kind: "make" | "hash";
  readonly range: number;
  readonly part: SourcePart;
  readonly envelope: Envelope | undefined;
};

export type RangeMaker = {
  /** Bytes of the copy. */
  readonly size: number;
  /** Number of ranges that can be made at the same time. */
  readonly width: number;
  make(range: number): Promise<MadeRange>;
  hash(range: number): Promise<HashedRange>;
};

type Recipe = { readonly source: ByteSource; readonly envelope: Envelope | undefined };

/** Computes the ranges of a copy; `span` tells which plain bytes a range needs. */
type Form = {
  readonly size: number;
  span(range: number): { readonly start: number; readonly bytes: number };
  make(range: number): Promise<MadeRange>;
};

function formOf({ source, envelope }: Recipe): Form {
  if (envelope === undefined) {
    const { size } = source;
    const span = (range: number): { readonly start: number; readonly bytes: number } =>
      rangePlace(size, range);
    return {
      size,
      span,
      // The hash of the plain bytes is the check.
      async make(range) {
        const { start, bytes } = span(range);
        const read = await source.read(start, bytes);
        return { bytes: read, check: sha256(read) };
      },
    };
  }
  const sealed = new SealedSource(source, envelope, nodeCipher);
  const { size } = sealed;
  return {
    size,
    span(range) {
      const { start, bytes } = rangePlace(size, range);
      return sealed.plainSpan(start, bytes);
    },
    async make(range) {
      const { start, bytes } = rangePlace(size, range);
      const read = await sealed.read(start, bytes);
      return { bytes: read.bytes, check: sha256(read.tags) };
    },
  };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function hashed({ bytes, check }: MadeRange): HashedRange {
  return { length: bytes.length, check, roots: hashesOf(bytes).roots };
}

/** Does one task. It runs in a worker thread. */
export async function doRangeTask({
  kind,
  range,
  part,
  envelope,
}: RangeTask): Promise<MadeRange | HashedRange> {
  const made = await formOf({ source: PartsSource.of(part), envelope }).make(range);
  if (kind === "make") return made;
  const done = hashed(made);
  release(made.bytes);
  return done;
}

/** The extension of this file: TypeScript in a clone, JavaScript in the built package. */
const threadFile = new URL(`./copy-thread${extname(import.meta.filename)}`, import.meta.url);
/** One thread for each core, at most four: more of them are faster than a network. */
const threads = new ThreadPool<RangeTask, MadeRange | HashedRange>(
  threadFile,
  Math.min(4, availableParallelism()),
);
/** A piece with fewer ranges is made in this thread in less time than worker threads need to start. */
const leastRanges = 4;

export function rangeMaker(recipe: Recipe): RangeMaker {
  const { source, envelope } = recipe;
  const form = formOf(recipe);
  const { size } = form;
  if (!(source instanceof PartsSource) || rangeCount(size) < leastRanges) {
    return {
      size,
      width: 1,
      make: (range) => form.make(range),
      hash: async (range) => hashed(await form.make(range)),
    };
  }
  const run = async (kind: RangeTask["kind"], range: number): Promise<MadeRange | HashedRange> => {
    const { start, bytes } = form.span(range);
    try {
      return await threads.run({ kind, range, part: source.part(start, bytes), envelope });
    } catch (error) {
      if (error instanceof ThreadTaskError && error.kind === "SourceChangedError") {
        throw new SourceChangedError(error.message);
      }
      throw error;
    }
  };
  return {
    size,
    width: threads.width,
    make: (range) => run("make", range) as Promise<MadeRange>,
    hash: (range) => run("hash", range) as Promise<HashedRange>,
  };
}
