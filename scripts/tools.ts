/** Runs the development tools of node_modules on this Node, in the folder of the project. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { CliError, exitCodes } from "../cli/console/exit.ts";
import { projectRoot } from "./paths.ts";

const require = createRequire(import.meta.url);

/** @returns the script behind a command of a package */
export function toolScript(packageName: string, command: string): string {
  const manifestPath = require.resolve(`${packageName}/package.json`);
  const manifest: { bin: string | Record<string, string> } = require(manifestPath);
  const relative = typeof manifest.bin === "string" ? manifest.bin : manifest.bin[command];
  if (relative === undefined) throw new Error(`${packageName} has no command ${command}`);
  return resolve(manifestPath, "..", relative);
}

export type Tool = { readonly packageName: string; readonly command: string };

/**
 * Runs a tool and shows its output on stderr while it runs.
 * @returns its exit code
 * @throws CliError if the run is interrupted
 */
export function runTool(
  { packageName, command }: Tool,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [toolScript(packageName, command), ...args], {
      cwd: projectRoot,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.stdout.on("data", (chunk: Buffer) => process.stderr.write(chunk));
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
      else done(code ?? exitCodes.failed);
    });
  });
}
