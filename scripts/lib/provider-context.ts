/** What a provider's commands share: its config file, its account, the groups it serves. */
import type { Command } from "commander";
import { Wallet, type JsonRpcProvider } from "ethers";
import { toHex } from "../../storage/core/bytes.ts";
import { connectChain } from "../client/connect.ts";
import { CliError, exitCodes, usageError } from "./exit.ts";
import { addressOption } from "./options.ts";
import type { MoneyFlags } from "./transact.ts";

/** Errors of the provider that are about what the user gave get exit code 2, a dead chain endpoint 3. */
export async function asProviderFailure<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { name, message } = error as Error;
    if (["ConfigError", "PieceSourceError", "AnswersInUseError"].includes(name)) throw usageError(message);
    if (name === "StoreError") throw new CliError({ code: exitCodes.failed, message });
    if (name === "ChainError") throw new CliError({ code: exitCodes.network, message });
    throw error;
  }
}

export type ProviderOptions = MoneyFlags & {
  readonly config: string;
  readonly group?: string[];
  readonly json?: boolean;
};

export type ProviderContext = {
  readonly config: import("../../provider-sim/config.ts").ProviderConfig;
  readonly keys: import("../../provider-sim/config.ts").ProviderKeys;
  readonly provider: JsonRpcProvider;
  readonly signer: Wallet;
  /** Of the option, else of the config file. */
  readonly groups: readonly string[];
};

export function configOption(command: Command): Command {
  return command.requiredOption("--config <file>", "the provider's config file");
}

export function groupOption(command: Command): Command {
  const parse = addressOption("--group");
  return command.option(
    "--group <address>",
    "only this group; repeatable (default: all of the config file)",
    (text: string, before: string[] | undefined) => [...(before ?? []), parse(text)],
  );
}

/** Connects for as long as `work` takes. */
export async function withProvider<T>(
  options: ProviderOptions,
  work: (context: ProviderContext) => Promise<T>,
): Promise<T> {
  const { loadConfig, loadKeys } = await import("../../provider-sim/config.ts");
  const config = await asProviderFailure(loadConfig(options.config));
  const keys = await asProviderFailure(loadKeys(config.keys));
  const provider = await connectChain(config.chain);
  try {
    const signer = new Wallet(toHex(keys.operator), provider);
    return await work({ config, keys, provider, signer, groups: options.group ?? config.groups });
  } finally {
    provider.destroy();
  }
}
