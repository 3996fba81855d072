/** Verifies and decrypts ranges that arrive: in worker threads, so that this thread continues to receive. */
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import type { RetrievedRange } from "../../protocol/codec/retrieve.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangePlace } from "../../storage/core/range.ts";
import { hashesOf } from "../../storage/disk/range-hashes.ts";
import { leadsToRoot } from "../../storage/disk/range-reader.ts";
import { ThreadPool } from "../../storage/disk/thread-pool.ts";
import { openRange, type ChunkForm, type OpenedRange } from "./chunk-form.ts";

export type OpenTask = {
  readonly form: ChunkForm;
  readonly entry: PieceEntry;
  readonly range: number;
  readonly bytes: Uint8Array;
};
/** `roots`: of the range's segments, concatenated. */
export type OpenDone = { readonly roots: Uint8Array; readonly opened: OpenedRange };

/** The extension of this file: TypeScript in a clone, JavaScript in the built package. */
const threadFile = new URL(`./open-thread${extname(import.meta.filename)}`, import.meta.url);
/** One thread for each core, at most four: more of them are faster than a network. */
const threads = new ThreadPool<OpenTask, OpenDone>(threadFile, Math.min(4, availableParallelism()));
/** A smaller item is decrypted in this thread in less time than worker threads need to start. */
const leastBytes = 8_000_000;

/**
 * What a range holds; undefined if it does not hash to the piece's root. The caller gives the buffer of its bytes away.
 * @throws Error if a chunk of a range with the right root does not decrypt: the payer sealed it with another key
 */
export async function openVerified(
  form: ChunkForm,
  entry: PieceEntry,
  range: number,
  { bytes, siblings }: RetrievedRange,
): Promise<OpenedRange | undefined> {
  if (bytes.length !== rangePlace(entry.size, range).bytes) return undefined;
  if (entry.size < leastBytes) {
    if (!leadsToRoot(entry, range, { ...hashesOf(bytes), siblings })) return undefined;
    return openRange(form, entry, range, bytes);
  }
  const task = { form, entry, range, bytes };
  const done = await threads.run(task, [bytes.buffer as ArrayBuffer]);
  return leadsToRoot(entry, range, { roots: done.roots, siblings }) ? done.opened : undefined;
}
