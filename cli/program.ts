/** All commands. A command's module is loaded only when it is called, so that help costs nothing. */
import { readFileSync } from "node:fs";
import { Command } from "commander";

type CommandModule = { register(program: Command): void | Promise<void> };

export const commands: readonly { name: string; summary: string }[] = [
  {
    name: "demo",
    summary: "run the main job: keepers challenge providers, agree, and pay them on a local chain",
  },
  { name: "test", summary: "check types, style and formatting, then run all tests" },
  { name: "inspect", summary: "explain one rule of the protocol, or verify one settlement" },
  { name: "sim", summary: "play fault scenarios in a simulated world" },
  { name: "keeper", summary: "make, register, check and run a keeper" },
  { name: "group", summary: "pay for storage: quote, make, fund, watch and end a group, get the data back" },
  { name: "provider", summary: "store data, answer challenges" },
  {
    name: "payee",
    summary: "where the money of a keeper, provider or payer goes, by the key of who gets it",
  },
  { name: "config", summary: "show a keeper's configuration, and where each value comes from" },
  { name: "ledger", summary: "the keeper's books: make them again from the chain, export them" },
  { name: "presets", summary: "what is known of the chains to choose from" },
  { name: "completion", summary: "print completions for a shell" },
];

function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}

/** The program with the modules of those commands loaded whose name `isLoaded` accepts; of others it has the summary. */
export async function buildProgram(isLoaded: (name: string) => boolean): Promise<Command> {
  const program = new Command("whitepay")
    .description(
      "Keepers check storage providers over time, agree on what was proven, and pay for it on chain.",
    )
    .version(version(), "-V, --version")
    .exitOverride()
    .showHelpAfterError("(whitepay --help lists the commands, whitepay COMMAND --help their options)")
    .showSuggestionAfterError(true);
  for (const { name, summary } of commands) {
    if (isLoaded(name)) {
      const module = (await import(`../scripts/commands/${name}.ts`)) as CommandModule;
      await module.register(program);
    } else {
      program.command(name).description(summary).usage("[command] [options]");
    }
  }
  return program;
}
