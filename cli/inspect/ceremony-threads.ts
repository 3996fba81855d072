/** Points of a ceremony's file on all cores. */
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import type { PointResult, PointTask, PointWorkers } from "../../ceremony/powers-of-tau/point-task.ts";
import { ThreadPool } from "../../storage/disk/thread-pool.ts";

/** The extension of this file: TypeScript in a clone, JavaScript in the built package. */
const threadFile = new URL(`./ceremony-thread${extname(import.meta.filename)}`, import.meta.url);

/** @param threads one for each core by default */
export function pointThreads(threads: number = availableParallelism()): PointWorkers {
  const pool = new ThreadPool<PointTask, PointResult>(threadFile, threads);
  return { width: pool.width, run: (task) => pool.run(task) };
}
