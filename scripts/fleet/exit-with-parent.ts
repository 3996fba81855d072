/**
 * Preloaded into every process of a fleet: when the program that started it dies without a chance to clean up, its end of the pipe
 * closes, and the child goes too.
 */
process.stdin.on("error", () => process.kill(process.pid, "SIGTERM"));
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
// Waiting for the parent must not keep a child alive that has finished.
(process.stdin as unknown as { unref?: () => void }).unref?.();
