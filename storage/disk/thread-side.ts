/** A thread of a `ThreadPool`: answers one task after another. */
import { parentPort } from "node:worker_threads";
import type { Transferable as Moved } from "node:worker_threads";
import type { ThreadReply } from "./thread-pool.ts";

/** @param work may name buffers that go back to the caller */
export function serveTasks(
  work: (task: never) => Promise<{ readonly done: unknown; readonly moved?: readonly Moved[] }>,
): void {
  const reply = (message: ThreadReply<unknown>, moved: readonly Moved[]): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a browser window
    parentPort?.postMessage(message, [...moved]);
  };
  parentPort?.on("message", (task: unknown) => {
    work(task as never).then(
      ({ done, moved = [] }) => reply({ ok: true, done }, moved),
      (error: unknown) => {
        const { name, message } = error as Error;
        reply({ ok: false, name, message }, []);
      },
    );
  });
}
