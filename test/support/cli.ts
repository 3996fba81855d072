/** Runs the command line as a user does: a process of its own, its streams and its exit code. */
import { spawn } from "node:child_process";
import { cliScript } from "../../scripts/lib/paths.ts";

export type CliResult = { code: number | null; stdout: string; stderr: string };

export function runCli(args: readonly string[], { input }: { input?: string } = {}): Promise<CliResult> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [cliScript, ...args], { stdio: "pipe" });
    const result = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
    child.once("error", fail);
    child.once("close", (code) => done({ code, ...result }));
    child.stdin.end(input);
  });
}
