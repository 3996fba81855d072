/** `whitepay devnet`: the options; the work is in scripts/devnet/run.ts. */
import type { Command } from "commander";
import { choiceOption, integerOption, jsonOption } from "../../cli/console/options.ts";
import type { DevnetOptions } from "./run.ts";

const committeeSizes = ["4", "7", "10"] as const;

export function register(program: Command): void {
  const committee = choiceOption("--keepers", committeeSizes);
  const command = program
    .command("devnet")
    .description(
      "run a chain with a deployment, a committee, providers and a payer with money, until Ctrl-C or SIGTERM; prints one line when all is up",
    )
    .option("--keepers <n>", "size of the committee: 4, 7 or 10", (text) => Number(committee(text)), 4)
    .option(
      "--providers <n>",
      "providers; at most 40 / keepers",
      integerOption("--providers", { min: 1, max: 256 }),
      5,
    )
    .option(
      "--relays <n>",
      "keepers that offer a relay to providers without an open port",
      integerOption("--relays", { min: 0, max: 10 }),
      0,
    )
    .option(
      "--data-dir <folder>",
      "where keys, data and logs go: a new or empty folder, which stays (default: a temporary one, which is removed)",
    )
    .option(
      "--port <n>",
      "port of the chain's endpoint on loopback (default: a free one)",
      integerOption("--port", { min: 1, max: 65_535 }),
    );
  jsonOption(command).action(async (options: DevnetOptions) => {
    const { runDevnet } = await import("./run.ts");
    process.exitCode = await runDevnet(options);
  });
}
