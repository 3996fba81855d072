/** The command line in a clone of the repository: the installed commands, and those that need its sources. */
import { runCommandLine } from "../cli/main.ts";
import { commands } from "../cli/program.ts";
import type { CommandEntry } from "../cli/program.ts";

export const cloneCommands: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "run the main job: keepers challenge providers, agree, and pay them on a local chain",
    load: () => import("./demo/command.ts"),
  },
  {
    name: "devnet",
    summary: "run a chain with keepers, providers and a payer with money, to try and to test",
    load: () => import("./devnet/command.ts"),
  },
  {
    name: "test",
    summary: "check types, style and formatting, then run all tests",
    load: () => import("./test-command.ts"),
  },
  ...commands.map((entry) =>
    entry.name === "deploy" ? { ...entry, load: () => import("./contracts/deploy-command.ts") } : entry,
  ),
  {
    name: "provider-sim",
    summary: "run a provider with faults, to test how keepers react",
    load: () => import("../provider-sim/command.ts"),
  },
];

if (import.meta.main) await runCommandLine(cloneCommands, process.argv.slice(2));
