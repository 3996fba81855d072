/** Runs the command line and maps errors to messages and exit codes. */
import { installFastHashes } from "../daemon/hashing/install.ts";
import { describeFailure, exitCodes } from "./console/exit.ts";
import { buildProgram } from "./program.ts";
import type { CommandEntry } from "./program.ts";

const endLimit_ms = 2_000;
/** The longest that a timer can wait is 24 days; any shorter time does. */
const alive_ms = 60_000;

/** Ctrl-C exits with 130, unless the command handles SIGINT itself. */
function exitOnInterrupt(): void {
  const handler = (): void => {
    if (process.listenerCount("SIGINT") === 1) process.exit(exitCodes.interrupted);
  };
  process.on("SIGINT", handler);
}

/** Prints the error; returns the exit code. */
function report(error: unknown): number {
  const { code, lines } = describeFailure(error);
  try {
    if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
  } catch {
    // stderr is closed: only the exit code remains.
  }
  return code;
}

/** @param args without the name of the program */
export async function runCommandLine(
  commands: readonly CommandEntry[],
  args: readonly string[],
): Promise<void> {
  installFastHashes();
  exitOnInterrupt();
  // A reader may close the pipe early (head, grep -q): this is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    process.exit(report(error));
  });
  process.on("uncaughtException", (error) => process.exit(report(error)));
  // Limits such as AbortSignal.timeout do not hold the process: with the last connection gone, it would end in the middle of a command.
  const alive = setInterval(() => undefined, alive_ms);
  try {
    const words = args.filter((arg) => !arg.startsWith("-"));
    const called = words[0] === "help" ? words[1] : words[0];
    const program = await buildProgram(commands, (name) => name === called);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = report(error);
    // A failed command exits even if it holds open handles.
    setTimeout(() => process.exit(), endLimit_ms).unref();
  } finally {
    clearInterval(alive);
  }
}
