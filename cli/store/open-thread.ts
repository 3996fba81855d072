/** A thread that hashes and decrypts ranges as they arrive. */
import { installFastHashes } from "../../daemon/hashing/install.ts";
import { release } from "../../storage/core/bytes.ts";
import { hashesOf } from "../../storage/disk/range-hashes.ts";
import { serveTasks } from "../../storage/disk/thread-side.ts";
import { openRange } from "./chunk-form.ts";
import type { OpenDone, OpenTask } from "./open-ranges.ts";

installFastHashes();
serveTasks(async ({ form, entry, range, bytes }: OpenTask) => {
  const { roots } = hashesOf(bytes);
  const opened = openRange(form, entry, range, bytes);
  // The plain bytes of a private copy are in a buffer of their own.
  if (opened.plain.buffer !== bytes.buffer) release(bytes);
  const done: OpenDone = { roots, opened };
  return { done, moved: [opened.plain.buffer as ArrayBuffer] };
});
