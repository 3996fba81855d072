/** What a provider's commands share: its config file, its account, the groups it serves. */
import type { Command } from "commander";
import { Wallet, type JsonRpcProvider } from "ethers";
import { loadConfig, loadKeys, settings } from "../../provider-sim/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider-sim/config.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { connectChain } from "../client/connect.ts";
import { configFile, layersOf, settingOptions, type ConfigOptions } from "./config-options.ts";
import { CliError, exitCodes, usageError } from "./exit.ts";
import { addressOption } from "./options.ts";
import type { MoneyFlags } from "./transact.ts";

/** Errors of the provider that are about what the user gave get exit code 2, a dead chain endpoint 3. */
export async function asProviderFailure<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { name, message } = error as Error;
    if (["ConfigError", "PieceSourceError", "AnswersInUseError", "ListenError"].includes(name))
      throw usageError(message);
    if (name === "StoreError") throw new CliError({ code: exitCodes.failed, message });
    if (name === "ChainError") throw new CliError({ code: exitCodes.network, message });
    throw error;
  }
}

export type ProviderOptions = MoneyFlags & {
  readonly config?: string;
  readonly group?: string[];
  readonly json?: boolean;
};

export type ProviderContext = {
  readonly config: ProviderConfig;
  readonly keys: ProviderKeys;
  readonly provider: JsonRpcProvider;
  readonly signer: Wallet;
  /** Of the option, else of the config file. */
  readonly groups: readonly string[];
};

const defaultFile = "provider.yaml";

/** Adds `--config` and a flag for each setting. */
export function configOption(command: Command): Command {
  return settingOptions(command, settings, defaultFile);
}

/** @throws CliError exit 2 that names file and line, variable or flag */
export async function loadProvider(options: { readonly config?: string }): Promise<ProviderConfig> {
  // Commander keeps every flag of `settings` as text; what else a command has is not looked at.
  const flags = options as ConfigOptions;
  return asProviderFailure(loadConfig(await configFile(flags, defaultFile), layersOf(settings, flags)));
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
  const config = await loadProvider(options);
  const keys = await asProviderFailure(loadKeys(config.keys));
  const provider = await connectChain(config.chain);
  try {
    const signer = new Wallet(toHex(keys.operator), provider);
    return await work({ config, keys, provider, signer, groups: options.group ?? config.groups });
  } finally {
    provider.destroy();
  }
}
