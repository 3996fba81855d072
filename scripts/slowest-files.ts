/** The slowest test files of a run, from the JSON report of vitest. */
import { relative } from "node:path";

/** Times are milliseconds since 1970. */
export type FileReport = { readonly name: string; readonly startTime: number; readonly endTime: number };

/**
 * One line for each of the slowest files, slowest first: seconds, then the path.
 * @param root folder that the printed paths start from
 */
export function slowestFiles(files: readonly FileReport[], root: string, count = 10): string[] {
  return files
    .map(({ name, startTime, endTime }) => ({ path: relative(root, name), time_ms: endTime - startTime }))
    .toSorted((a, b) => b.time_ms - a.time_ms || a.path.localeCompare(b.path))
    .slice(0, count)
    .map(({ path, time_ms }) => `${(time_ms / 1000).toFixed(1).padStart(7)} s  ${path}`);
}
