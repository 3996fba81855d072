/** `whitepay demo`: the options; the work is in scripts/demo. */
import type { Command } from "commander";
import { choiceOption, integerOption } from "../../cli/console/options.ts";
import { chainClients } from "../fleet/clients.ts";
import { faults, type DemoOptions } from "./params.ts";

export const committeeSizes = ["4", "7", "10"] as const;

export function register(program: Command): void {
  const committee = choiceOption("--keepers", committeeSizes);
  program
    .command("demo")
    .description("run the main job on a local chain: keepers challenge providers, agree, and pay them")
    .option("--keepers <n>", "size of the committee: 4, 7 or 10", (text) => Number(committee(text)), 4)
    .option(
      "--providers <n>",
      "providers; at most 40 / keepers",
      integerOption("--providers", { min: 1, max: 256 }),
      3,
    )
    .option(
      "--groups <n>",
      "groups that the committee serves, each with a payer of its own",
      integerOption("--groups", { min: 1, max: 32 }),
      2,
    )
    .option(
      "--settlements <n>",
      "intervals to settle",
      integerOption("--settlements", { min: 1, max: 10_000 }),
      3,
    )
    .option("--fault <kind>", `what goes wrong: ${faults.join(", ")}`, choiceOption("--fault", faults), "all")
    .option(
      "--client <name>",
      `what the chain runs on: ${chainClients.join(", ")}`,
      choiceOption("--client", chainClients),
      "hardhat",
    )
    .option(
      "--data-dir <folder>",
      "where keys, data and logs go: a new or empty folder (default: a temporary one)",
    )
    .option("--keep-running", "leave everything running after the last settlement, until Ctrl-C")
    .option("--json", "one JSON document on stdout instead of the table")
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import("./run.ts");
      process.exitCode = await runDemo(options);
    });
}
