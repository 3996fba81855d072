import { open, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { hashBytes, pieceGeometry } from "../core/geometry.ts";
import { rootHash } from "../core/merkle.ts";
import { TreeAccumulator } from "../core/tree-accumulator.ts";
import type { OnNode } from "../core/tree-accumulator.ts";
import { chunkSegments, ChunkHasher } from "./hash-task.ts";
import type { ChunkDone, HashTask } from "./hash-task.ts";

/** The extension of this file: TypeScript in a clone, JavaScript in the built package. */
const workerFile = new URL(`./hash-worker${extname(import.meta.filename)}`, import.meta.url);

export type HashProgress = {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
};

export type HashOptions = {
  /** Number of threads, by default one for each core. The caller's thread hashes a file of one chunk (2 MB). */
  readonly workers?: number;
  /** Called at most ten times a second, and once at the end. */
  readonly onProgress?: (progress: HashProgress) => void;
  readonly signal?: AbortSignal;
};

export type HashedFile = {
  readonly size: number;
  readonly segments: number;
  readonly root: Uint8Array;
};

/** The file cannot become a piece: it is missing, unreadable, not regular, empty, or changed during the read. */
export class PieceSourceError extends Error {
  override readonly name = "PieceSourceError";
}

/** Stats of a file that can become a piece. @throws PieceSourceError with reason and remedy */
export async function pieceSourceStats(path: string): Promise<Stats> {
  let stats: Stats;
  try {
    stats = await stat(path);
    if (stats.isFile()) await (await open(path, "r")).close();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") throw new PieceSourceError(`${path}: no such file`);
    if (code === "EACCES") throw new PieceSourceError(`${path}: not readable by this user`);
    throw new PieceSourceError(`${path}: ${(error as Error).message}`);
  }
  if (stats.isDirectory()) {
    throw new PieceSourceError(
      `${path}: expected a file, actual a directory; pack it (tar) or name its files`,
    );
  }
  if (!stats.isFile()) {
    throw new PieceSourceError(
      `${path}: expected a regular file, actual a device, pipe or socket; copy its bytes to a file first`,
    );
  }
  if (stats.size === 0) throw new PieceSourceError(`${path}: expected at least 1 byte, actual an empty file`);
  return stats;
}

/**
 * R10's root of a file of any size in constant memory. With `store` it also fills the tree file, and copies the bytes if `data` is
 * given; the files must exist, and the caller writes the tree file's header.
 */
export async function hashFile(
  source: string,
  options: HashOptions = {},
  store?: { readonly data?: string | undefined; readonly tree: string; readonly onNode: OnNode },
): Promise<HashedFile> {
  const before = await pieceSourceStats(source);
  const { segments, size } = pieceGeometry(before.size);
  const accumulator = new TreeAccumulator(segments, store?.onNode);
  const task: HashTask = { source, size, ...(store && { store: { data: store.data, tree: store.tree } }) };
  await hashChunks(task, options, (chunk) => {
    for (let i = 0; i * hashBytes < chunk.roots.length; i++) {
      accumulator.add(chunk.firstSegment + i, chunk.roots.slice(i * hashBytes, (i + 1) * hashBytes));
    }
  });
  const after = await stat(source);
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
    throw new PieceSourceError(`${source}: changed while it was read; try again when nothing writes to it`);
  }
  return { size, segments, root: rootHash(size, accumulator.finish()) };
}

/** Runs a task over all its chunks; calls `onChunk` in the order of completion. */
async function hashChunks(
  task: HashTask,
  options: HashOptions,
  onChunk: (chunk: ChunkDone) => void,
): Promise<void> {
  const chunks = Math.ceil(pieceGeometry(task.size).segments / chunkSegments);
  const workers = Math.min(chunks, options.workers ?? availableParallelism());
  const report = progressReporter(task.size, options.onProgress);
  const done = (chunk: ChunkDone): void => {
    onChunk(chunk);
    report(chunk.bytes);
  };
  options.signal?.throwIfAborted();
  if (chunks === 1) {
    const hasher = new ChunkHasher(task);
    try {
      done(hasher.hashChunk(0));
    } finally {
      hasher.close();
    }
    return;
  }
  const counter = new SharedArrayBuffer(8);
  const threads = Array.from(
    { length: workers },
    () => new Worker(workerFile, { workerData: { task, chunks, counter } }),
  );
  try {
    await Promise.all(threads.map((thread) => threadEnd(thread, done, options.signal)));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

function threadEnd(thread: Worker, onChunk: (chunk: ChunkDone) => void, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", onAbort, { once: true });
    thread.on("message", (chunk: ChunkDone) => {
      try {
        onChunk(chunk);
      } catch (error) {
        reject(error);
      }
    });
    thread.on("error", reject);
    thread.on("exit", (code) => {
      signal?.removeEventListener("abort", onAbort);
      if (code === 0) resolve();
      else reject(new Error(`hashing thread ended with code ${code}`));
    });
  });
}

function progressReporter(
  bytesTotal: number,
  onProgress: HashOptions["onProgress"],
): (bytes: number) => void {
  const start = performance.now();
  let bytesDone = 0;
  let last = 0;
  return (bytes) => {
    bytesDone += bytes;
    const now = performance.now();
    if (!onProgress || (bytesDone < bytesTotal && now - last < 100)) return;
    last = now;
    const seconds = Math.max((now - start) / 1000, 1e-6);
    onProgress({ bytesDone, bytesTotal, bytesPerSecond: bytesDone / seconds });
  };
}
