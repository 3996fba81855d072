/** Runs the program that makes a contribution: in a folder of its own, without a shell, with a minimal environment and a time limit. */
import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CliError, exitCodes } from "../console/exit.ts";

/** After the end of the slot the program has this time to stop by itself. */
const stop_ms = 5_000;

/** What a program needs to be found and to write text; nothing of the participant's settings or keys. */
function environment(folder: string): Record<string, string> {
  const kept = ["PATH", "LANG", "LC_ALL", "TERM"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), HOME: folder, TMPDIR: folder };
}

export type ContributionRun = {
  readonly folder: string;
  /** Program and arguments, with the placeholders {challenge} and {response}. */
  readonly command: readonly string[];
  /** Names in the folder. */
  readonly challenge: string;
  readonly response: string;
  readonly limit_ms: number;
};

/** @throws CliError exit 1 if the program fails, writes no response, or does not end in time */
export async function runContribution(run: ContributionRun): Promise<void> {
  const { folder, challenge, response, limit_ms } = run;
  const words = run.command.map((word) =>
    word === "{challenge}" ? challenge : word === "{response}" ? response : word,
  );
  const [program = "", ...args] = words;
  const failed = (message: string, actual: string): CliError =>
    new CliError({
      code: exitCodes.failed,
      message: `${program}: ${message}`,
      expected: `exit code 0 and a file ${response}`,
      actual,
      hint: `the program ran in ${folder}: ${JSON.stringify(words)}`,
    });
  const child = spawn(program, args, {
    cwd: folder,
    env: environment(folder),
    // Its output is no output of ours: stdout has the document of --json.
    stdio: ["inherit", process.stderr, process.stderr],
    shell: false,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), stop_ms).unref();
  }, limit_ms);
  const ended = await new Promise<string | number | null>((done) => {
    child.once("error", (error) => done(error.message));
    child.once("close", (code, signal) => done(code ?? signal));
  });
  clearTimeout(timer);
  if (late) throw failed("it did not end within the slot", "it was stopped");
  if (ended !== 0) throw failed("it failed", typeof ended === "number" ? `exit code ${ended}` : `${ended}`);
  await stat(join(folder, response)).catch(() => {
    throw failed("it wrote no response", "no such file");
  });
}
