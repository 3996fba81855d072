/** Preloaded into every process of a fleet: when the parent process dies, its end of the pipe closes and the child ends. */
import { isMainThread } from "node:worker_threads";

// A thread of the process loads this too, and its own stdin ends at once.
if (isMainThread) {
  process.stdin.on("error", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
  // Waiting for the parent must not keep a child alive that has finished.
  (process.stdin as unknown as { unref?: () => void }).unref?.();
}
