/** Builds instrumented contracts, runs the contract tests on them, and prints the coverage. coverage.test.ts starts it. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hooks, tasks } from "hardhat";
import { projectRoot } from "../../../scripts/paths.ts";

const [, , build, ...suites] = process.argv as [string, string, string, ...string[]];

await hooks.runHandlerChain("test", "onTestRunStart", ["contracts"], async () => undefined);
await tasks.getTask("build").run({ quiet: true, noTests: true, force: true });
const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
const files = suites.map((suite) => `test/contract/${suite}.test.ts`);
// Instrumentation changes gas and code size, so the tests of both are left out.
const run = spawnSync(
  process.execPath,
  [
    vitest,
    "run",
    ...files,
    "-t",
    "^(?!.*(too little gas|of 124 members|too large for a transaction|costs the same at settle))",
  ],
  {
    cwd: projectRoot,
    encoding: "utf8",
    env: { ...process.env, WHITEPAY_ARTIFACTS: join(build, "artifacts"), WHITEPAY_LONG: "" },
  },
);
process.stderr.write(run.stdout + run.stderr);
await hooks.runHandlerChain("test", "onTestRunDone", ["contracts"], async () => undefined);
process.stdout.write(`\n=== lcov\n${readFileSync(join(projectRoot, "coverage", "lcov.info"), "utf8")}`);
process.exitCode = run.status ?? 1;
