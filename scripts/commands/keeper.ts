/** `whitepay keeper …`: the daemon that challenges, agrees and settles. */
import type { Command } from "commander";
import { CliError, exitCodes, usageError } from "../lib/exit.ts";

export function register(program: Command): void {
  const keeper = program.command("keeper").description("challenge providers, agree, and settle");
  keeper
    .command("run")
    .description("run until SIGINT or SIGTERM; prints one JSON line when ready, logs on stderr")
    .requiredOption("--config <file>", "the keeper's config file (YAML or JSON)")
    .action((options: { config: string }) => runKeeperCommand(options.config));
}

async function runKeeperCommand(configFile: string): Promise<void> {
  const { runKeeper } = await import("../../keeper/main.ts");
  const { ConfigError } = await import("../../keeper/config.ts");
  const { KeyFileError } = await import("../../keeper/adapters/keyring-file.ts");
  const { StoreError, StoreInUseError } = await import("../../keeper/adapters/store-level.ts");
  try {
    await runKeeper(configFile, (line) => process.stdout.write(`${line}\n`));
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyFileError) throw usageError(error.message);
    if (error instanceof StoreInUseError) {
      throw new CliError({ code: exitCodes.unsafe, message: error.message });
    }
    if (error instanceof StoreError) throw new CliError({ code: exitCodes.failed, message: error.message });
    throw error;
  }
  process.exit(exitCodes.ok);
}
