import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { Processes } from "../../../../scripts/fleet/processes.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-guard-"));
afterAll(() => rmSync(scratch, { recursive: true }));

it("a process of a fleet outlives the threads that it starts", { timeout: 60_000 }, async () => {
  const script = join(scratch, "threads.mjs");
  writeFileSync(
    script,
    `import { Worker } from "node:worker_threads";
    const thread = new Worker("process.stdin.resume(); setTimeout(() => {}, 300)", { eval: true });
    thread.on("exit", () => setTimeout(() => process.stdout.write("the process goes on"), 300));`,
  );
  const processes = new Processes((failure) => {
    throw failure;
  });
  const started = processes.start({
    name: "a process with a thread",
    args: [script],
    logFile: join(scratch, "log"),
    daemon: false,
  });
  expect(await started.ready).toBe("the process goes on");
});
