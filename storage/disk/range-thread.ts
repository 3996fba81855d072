/** A thread of `hashedBytes`: hashes one range after another, and hands its bytes back. */
import { hashesOf } from "./range-hashes.ts";
import type { HashedBytes } from "./range-hashes.ts";
import { serveTasks } from "./thread-side.ts";

serveTasks(async (bytes: Uint8Array) => {
  const done: HashedBytes = { bytes, ...hashesOf(bytes) };
  return { done, moved: [bytes.buffer as ArrayBuffer] };
});
