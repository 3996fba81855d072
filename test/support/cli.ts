/** Runs the command line as a user does: in a separate process, with its streams and its exit code. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { platform } from "node:os";
import { cliScript } from "../../scripts/paths.ts";

export type CliResult = { code: number | null; stdout: string; stderr: string };

export type CliOptions = {
  readonly input?: string;
  /** In addition to this process's own variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another tree's command line. */
  readonly script?: string;
};

/** A command that runs in the background. */
export type CliProcess = {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Resolves when stdout and stderr together hold `text`; the command's end before that is a failure. */
  said(text: string): Promise<void>;
  type(text: string): void;
};

/** Any program, with the same interface. */
export function start(
  command: string,
  args: readonly string[],
  { env = {}, cwd }: CliOptions = {},
): CliProcess {
  const child = spawn(command, args, {
    stdio: "pipe",
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const result = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  const heard = (stream: "stdout" | "stderr") => (text: string) => {
    result[stream] += text;
    for (const look of waiting) look();
  };
  child.stdout.setEncoding("utf8").on("data", heard("stdout"));
  child.stderr.setEncoding("utf8").on("data", heard("stderr"));
  const ended = new Promise<CliResult>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code, ...result }));
  });
  const said = (text: string): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (!`${result.stdout}${result.stderr}`.includes(text)) return;
        waiting.delete(look);
        done();
      };
      waiting.add(look);
      ended.then(
        ({ code }) => fail(new Error(`ended with ${code} before it said ${text}: ${JSON.stringify(result)}`)),
        fail,
      );
      look();
    });
  return { child, ended, said, type: (text) => void child.stdin.write(text) };
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const started = start(process.execPath, [options.script ?? cliScript, ...args], options);
  started.child.stdin?.end(options.input);
  return started;
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}

const shellWord = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The same at a terminal, which `script` provides: both streams arrive on stdout, and the test can type input. */
export function startAtTerminal(args: readonly string[], options: CliOptions = {}): CliProcess {
  const words = [process.execPath, cliScript, ...args];
  const script =
    platform() === "darwin"
      ? ["-q", "/dev/null", ...words]
      : ["-qec", words.map(shellWord).join(" "), "/dev/null"];
  return start("script", script, options);
}
