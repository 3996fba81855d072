import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { ThreadPool } from "../../../storage/disk/thread-pool.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-threads-"));
afterAll(() => rmSync(scratch, { recursive: true }));
const side = new URL("../../../storage/disk/thread-side.ts", import.meta.url).href;

type Task = { readonly kind: "double" | "fail" | "end" | "thread"; readonly value: number };

const file = join(scratch, "thread.ts");
writeFileSync(
  file,
  `import { threadId } from "node:worker_threads";
  import { serveTasks } from ${JSON.stringify(side)};
  serveTasks(async ({ kind, value }) => {
    if (kind === "fail") throw new RangeError("no " + value);
    if (kind === "end") process.exit(3);
    return { done: kind === "thread" ? threadId : 2 * value };
  });`,
);
const pool = () => new ThreadPool<Task, number>(pathToFileURL(file), 2);

describe("a pool of threads", () => {
  it("does every task, on no more threads than it may have", async () => {
    const threads = pool();
    const tasks = Array.from({ length: 20 }, (_, value) => threads.run({ kind: "double", value }));
    expect(await Promise.all(tasks)).toEqual(Array.from({ length: 20 }, (_, value) => 2 * value));
    const ids = await Promise.all(
      Array.from({ length: 10 }, () => threads.run({ kind: "thread", value: 0 })),
    );
    expect(new Set(ids).size).toBeLessThanOrEqual(2);
  });

  it("names the error of a task that fails, and goes on", async () => {
    const threads = pool();
    await expect(threads.run({ kind: "fail", value: 7 })).rejects.toMatchObject({
      name: "ThreadTaskError",
      kind: "RangeError",
      message: "no 7",
    });
    expect(await threads.run({ kind: "double", value: 4 })).toBe(8);
  });

  it("fails the task of a thread that ends, and starts another thread for the next ones", async () => {
    const threads = pool();
    const tasks = Array.from({ length: 4 }, () => threads.run({ kind: "end", value: 0 }));
    const ended = await Promise.allSettled(tasks);
    const reasons = ended.map((one) => one.status === "rejected" && (one.reason as Error).message);
    expect(reasons).toEqual(Array.from({ length: 4 }, () => "a thread ended with code 3"));
    expect(await threads.run({ kind: "double", value: 4 })).toBe(8);
  });
});
