/** Garbage collections of a process that makes many buffers: each run is a process of its own, as the setting cannot be taken back. */
import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { projectRoot } from "../../../scripts/paths.ts";

/** 2.6 GB of buffers, of which 4 MB are in use at a time. */
const work = `
  import { PerformanceObserver, constants } from "node:perf_hooks";
  import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
  import { countBuffersAsHeap } from "./daemon/buffer-memory.ts";
  if (process.argv[1] === "set") countBuffersAsHeap();
  let whole = 0;
  new PerformanceObserver((seen) => {
    for (const { detail } of seen.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) whole++;
  }).observe({ entryTypes: ["gc"] });
  const used = [];
  for (let i = 0; i < 40_000; i++) {
    used[i % 64] = Buffer.allocUnsafeSlow(65_536);
    if (i % 500 === 0) await turn();
  }
  await sleep(50);
  console.log(JSON.stringify({ whole, peak_MiB: process.resourceUsage().maxRSS / 1024 }));
`;

type Seen = { readonly whole: number; readonly peak_MiB: number };

function run(argument: "set" | "default"): Seen {
  const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", work, argument];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: projectRoot, encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Seen;
}

it("collects the whole heap for few of the buffers, and keeps little memory", () => {
  const [before, after] = [run("default"), run("set")];
  expect(before.whole).toBeGreaterThan(10);
  expect(after.whole).toBeLessThan(before.whole / 4);
  expect(after.peak_MiB).toBeLessThan(400);
});
