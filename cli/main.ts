/** Runs the command line: errors become exit codes and messages. */
import { installFastHashes } from "../daemon/hashing/install.ts";
import { describeFailure, exitCodes } from "./console/exit.ts";
import { buildProgram } from "./program.ts";
import type { CommandEntry } from "./program.ts";

const endLimit_ms = 2_000;

/** Ctrl-C ends a command with 130, unless the command has its own way to stop. */
function exitOnInterrupt(): void {
  const handler = (): void => {
    if (process.listenerCount("SIGINT") === 1) process.exit(exitCodes.interrupted);
  };
  process.on("SIGINT", handler);
}

/** Says what went wrong; returns the exit code. */
function tell(error: unknown): number {
  const { code, lines } = describeFailure(error);
  try {
    if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
  } catch {
    // Nobody reads stderr: the exit code has to do.
  }
  return code;
}

/** @param args without the program's own name */
export async function runCommandLine(
  commands: readonly CommandEntry[],
  args: readonly string[],
): Promise<void> {
  installFastHashes();
  exitOnInterrupt();
  // A reader that closes the pipe early (head, grep -q) is no fault of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    process.exit(tell(error));
  });
  process.on("uncaughtException", (error) => process.exit(tell(error)));
  try {
    const words = args.filter((arg) => !arg.startsWith("-"));
    const called = words[0] === "help" ? words[1] : words[0];
    const program = await buildProgram(commands, (name) => name === called);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = tell(error);
    // A command that failed ends, whatever it still holds open.
    setTimeout(() => process.exit(), endLimit_ms).unref();
  }
}
