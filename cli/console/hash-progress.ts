/** Progress of hashing a file, as a bar at a terminal. */
import type { HashProgress } from "../../storage/disk/hash-file.ts";
import { formatBytes, progressBar } from "./progress.ts";
import type { Progress } from "./progress.ts";

/** A callback for `HashOptions.onProgress`, or undefined when stderr is no terminal. */
export function hashProgressBar(label: string): ((progress: HashProgress) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  let bar: Progress | undefined;
  return ({ bytesDone, bytesTotal }) => {
    bar ??= progressBar({ label, total: bytesTotal, format: formatBytes });
    bar?.update(bytesDone);
  };
}
