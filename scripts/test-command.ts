/** `whitepay test`: everything that must hold before a change is kept, with one summary line at the end. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { CliError, exitCodes, usageError } from "../cli/console/exit.ts";
import { printLine, say } from "../cli/console/output.ts";
import { projectRoot } from "./paths.ts";

type Counts = { passed: number; failed: number };
type Run = { exitCode: number; output: string };

const require = createRequire(import.meta.url);

/** The script behind a package's command, run on this very Node. */
function toolScript(packageName: string, command: string): string {
  const manifestPath = require.resolve(`${packageName}/package.json`);
  const manifest: { bin: string | Record<string, string> } = require(manifestPath);
  const relative = typeof manifest.bin === "string" ? manifest.bin : manifest.bin[command];
  if (relative === undefined) throw new Error(`${packageName} has no command ${command}`);
  return resolve(manifestPath, "..", relative);
}

/** Runs a tool in the project's folder; its output is shown as it comes, and kept. */
function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Run> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: projectRoot,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      process.stderr.write(chunk);
    });
    let interrupted = false;
    const stop = (signal: NodeJS.Signals): void => {
      interrupted = true;
      child.kill(signal);
    };
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    child.once("error", fail);
    child.once("close", (code) => {
      process.removeListener("SIGINT", stop);
      process.removeListener("SIGTERM", stop);
      if (interrupted) fail(new CliError({ code: exitCodes.interrupted, message: "interrupted" }));
      else done({ exitCode: code ?? exitCodes.failed, output });
    });
  });
}

const checks = [
  { title: "types (tsc)", packageName: "typescript", command: "tsc", args: ["--noEmit"] },
  // What runs in browsers knows other names than what runs here.
  ...["keeper/dashboard", "test/browser"].map((folder) => ({
    title: `types of ${folder} (tsc)`,
    packageName: "typescript",
    command: "tsc",
    args: ["--noEmit", "-p", folder],
  })),
  {
    title: "style (oxlint)",
    packageName: "oxlint",
    command: "oxlint",
    args: ["--type-aware", "--deny-warnings"],
  },
  {
    title: "formatting (oxfmt)",
    packageName: "oxfmt",
    command: "oxfmt",
    args: ["--check", ".", "!package.json"],
  },
];

async function runChecks(env: NodeJS.ProcessEnv): Promise<Counts> {
  const counts = { passed: 0, failed: 0 };
  for (const { title, packageName, command, args } of checks) {
    say(`== ${title}`);
    const { exitCode } = await run(toolScript(packageName, command), args, env);
    counts[exitCode === 0 ? "passed" : "failed"]++;
  }
  return counts;
}

type VitestReport = { numPassedTests: number; numFailedTests: number; success: boolean };

/** A run can fail without a failed test (a file that does not load, an error after the end): that counts too. */
export function vitestCounts(exitCode: number, report: VitestReport | undefined): Counts {
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
    const { exitCode } = await run(toolScript("vitest", "vitest"), args, env);
    const text = await readFile(reportFile, "utf8").catch(() => undefined);
    return vitestCounts(exitCode, text === undefined ? undefined : (JSON.parse(text) as VitestReport));
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

async function runAll(paths: readonly string[], { long }: { long?: true }): Promise<void> {
  refuseMissingPaths(paths);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_ENV: "test",
    ...(long ? { WHITEPAY_LONG: "1" } : {}),
  };
  const results = [await runChecks(env), await runVitest(paths, env)];
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
    .action(runAll);
}
