/** A thread that makes ranges of copies (copy-range.ts). */
import { installFastHashes } from "../../daemon/hashing/install.ts";
import { serveTasks } from "../../storage/disk/thread-side.ts";
import { doRangeTask, type RangeTask } from "./copy-range.ts";

installFastHashes();
serveTasks(async (task: RangeTask) => {
  const done = await doRangeTask(task);
  return { done, moved: "bytes" in done ? [done.bytes.buffer as ArrayBuffer] : [] };
});
