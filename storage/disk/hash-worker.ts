import { parentPort, workerData } from "node:worker_threads";
import { ChunkHasher } from "./hash-task.ts";
import type { HashTask } from "./hash-task.ts";

/** One thread of `hashFile`: takes chunk numbers from a shared counter, posts the segment roots of each chunk. */
const { task, chunks, counter } = workerData as {
  task: HashTask;
  chunks: number;
  counter: SharedArrayBuffer;
};
const next = new BigInt64Array(counter);
const hasher = new ChunkHasher(task);
try {
  for (;;) {
    const chunk = Number(Atomics.add(next, 0, 1n));
    if (chunk >= chunks) break;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
    parentPort?.postMessage(hasher.hashChunk(chunk));
  }
} finally {
  hasher.close();
}
