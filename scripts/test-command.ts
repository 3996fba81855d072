/** `whitepay test`: everything that must hold before a change is kept, with one summary line at the end. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { exitCodes, usageError } from "../cli/console/exit.ts";
import { printLine, say } from "../cli/console/output.ts";
import { runChecks } from "./checks.ts";
import type { Counts } from "./checks.ts";
import { compileContracts } from "./contracts/compile.ts";
import { projectRoot } from "./paths.ts";
import { slowestFiles } from "./slowest-files.ts";
import type { FileReport } from "./slowest-files.ts";
import { runTool } from "./tools.ts";

type VitestCounts = { numPassedTests: number; numFailedTests: number; success: boolean };
type VitestReport = VitestCounts & { testResults: FileReport[] };

/** A run can fail without a failed test (a file that does not load, an error after the end): that counts too. */
export function vitestCounts(exitCode: number, report: VitestCounts | undefined): Counts {
  const passed = report?.numPassedTests ?? 0;
  const failed = report?.numFailedTests ?? 0;
  return { passed, failed: exitCode !== 0 || report?.success !== true ? Math.max(failed, 1) : failed };
}

async function runVitest(paths: readonly string[], env: NodeJS.ProcessEnv): Promise<Counts> {
  say("== tests (vitest)");
  const folder = await mkdtemp(join(tmpdir(), "whitepay-test-"));
  const reportFile = join(folder, "report.json");
  try {
    const args = [
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${reportFile}`,
      ...paths,
    ];
    const exitCode = await runTool({ packageName: "vitest", command: "vitest" }, args, env);
    const text = await readFile(reportFile, "utf8").catch(() => undefined);
    const report = text === undefined ? undefined : (JSON.parse(text) as VitestReport);
    if (report !== undefined) {
      say("== slowest test files");
      for (const line of slowestFiles(report.testResults, projectRoot)) say(line);
    }
    return vitestCounts(exitCode, report);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuseMissingPaths(paths: readonly string[]): void {
  for (const path of paths) {
    if (!existsSync(resolve(projectRoot, path))) {
      throw usageError(`there is no test at ${path}`, { hint: "give files or folders below test/" });
    }
  }
}

type Options = { long?: true; fast?: true };

async function runAll(paths: readonly string[], { long, fast }: Options): Promise<void> {
  refuseMissingPaths(paths);
  if (long && fast) throw usageError("--fast and --long exclude each other", { hint: "give one of them" });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_ENV: "test",
    ...(long ? { WHITEPAY_LONG: "1" } : {}),
    ...(fast ? { WHITEPAY_FAST: "1" } : {}),
  };
  // The compiler uses one core only, so the checks run beside it.
  const compiling = compileContracts();
  compiling.catch(() => undefined);
  const checked = await runChecks(env);
  await compiling;
  const results = [checked, await runVitest(paths, env)];
  const passed = results.reduce((sum, counts) => sum + counts.passed, 0);
  const failed = results.reduce((sum, counts) => sum + counts.failed, 0);
  printLine(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = exitCodes.failed;
}

export function register(program: Command): void {
  program
    .command("test")
    .description("check types, style and formatting, then run all tests; the last line counts both")
    .argument("[paths...]", "only the tests in these files or folders (the checks run in any case)")
    .option("--long", "also the longer matrices")
    .option("--fast", "only the tests without a fleet, a browser, a chain process or a long campaign")
    .action(runAll);
}
