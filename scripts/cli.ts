/** The command line. A command's module is loaded only when it is called, so that help costs nothing. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describeFailure, exitCodes } from "./lib/exit.ts";

type CommandModule = { register(program: Command): void | Promise<void> };

const commands: readonly { name: string; summary: string }[] = [
  {
    name: "demo",
    summary: "run the main job: keepers challenge providers, agree, and pay them on a local chain",
  },
  { name: "test", summary: "check types, style and formatting, then run all tests" },
  { name: "inspect", summary: "explain one rule of the protocol, or verify one settlement" },
  { name: "sim", summary: "play fault scenarios in a simulated world" },
  { name: "keeper", summary: "run a keeper" },
  { name: "provider", summary: "store data, answer challenges" },
];

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}

async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("whitepay")
    .description(
      "Keepers check storage providers over time, agree on what was proven, and pay for it on chain.",
    )
    .version(version(), "-V, --version")
    .exitOverride()
    .showHelpAfterError("(whitepay --help lists the commands, whitepay COMMAND --help their options)")
    .showSuggestionAfterError(true);
  const words = args.filter((arg) => !arg.startsWith("-"));
  const called = words[0] === "help" ? words[1] : words[0];
  for (const { name, summary } of commands) {
    if (name === called) {
      const module = (await import(`./commands/${name}.ts`)) as CommandModule;
      await module.register(program);
    } else {
      program.command(name).description(summary).usage("[command] [options]");
    }
  }
  return program;
}

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
    const program = await buildProgram(args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const { code, lines } = describeFailure(error);
    if (lines.length > 0) process.stderr.write(`${lines.join("\n")}\n`);
    process.exitCode = code;
  }
}

await main(process.argv.slice(2));
