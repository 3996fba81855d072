/** The command line. */
import { describeFailure, exitCodes } from "./lib/exit.ts";
import { buildProgram } from "./program.ts";

/** Ctrl-C ends a command with 130, unless the command has its own way to stop. */
function exitOnInterrupt(): void {
  const handler = (): void => {
    if (process.listenerCount("SIGINT") === 1) process.exit(exitCodes.interrupted);
  };
  process.on("SIGINT", handler);
}

async function main(args: readonly string[]): Promise<void> {
  exitOnInterrupt();
  // A reader that closes the pipe early (head, grep -q) is no fault of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
  try {
    const words = args.filter((arg) => !arg.startsWith("-"));
    const called = words[0] === "help" ? words[1] : words[0];
    const program = await buildProgram((name) => name === called);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const { code, lines } = describeFailure(error);
    if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
    process.exitCode = code;
  }
}

await main(process.argv.slice(2));
