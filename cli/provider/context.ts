/** Shared by the provider's commands: configuration, account and groups. */
import type { Command } from "commander";
import { getAddress, Wallet, type JsonRpcProvider } from "ethers";
import { loadConfig, loadKeys, settings } from "../../provider/config.ts";
import type { ProviderConfig, ProviderKeys } from "../../provider/config.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { connectChain } from "../../client/connect.ts";
import type { GroupAt } from "../../client/group-view.ts";
import { configFile, layersOf, settingOptions, type ConfigOptions } from "../console/config-options.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { keysPassword } from "../keeper/context.ts";
import { addressOption } from "../console/options.ts";
import type { MoneyFlags } from "../chain/transact.ts";

const usageFaults = [
  "ConfigError",
  "KeyFileError",
  "PieceSourceError",
  "FolderInUseError",
  "ListenError",
  "NoDataError",
];

/** Maps errors of the provider to exit codes: wrong input 2, a failed chain endpoint 3. */
export async function asProviderFailure<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { name, message } = error as Error;
    if (usageFaults.includes(name)) throw usageError(message);
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

/** For commands that only read: they need no password. */
export type ReaderContext = {
  readonly config: ProviderConfig;
  readonly provider: JsonRpcProvider;
  /** Address of the operator. */
  readonly operator: string;
  /** From the option, else from the config file. */
  readonly groups: readonly string[];
  /** A group with the Lens through which it is read. @throws CliError exit 2 if no Lens is configured */
  readonly at: (group: string) => GroupAt;
};

export type ProviderContext = ReaderContext & {
  readonly keys: ProviderKeys;
  readonly signer: Wallet;
};

const defaultFile = "provider.yaml";

/** Adds `--config` and a flag for each setting. */
export function configOption(command: Command): Command {
  return settingOptions(command, settings, defaultFile);
}

/** @throws CliError exit 2 with the file and line, the variable or the flag */
export async function loadProvider(options: { readonly config?: string }): Promise<ProviderConfig> {
  // Commander stores every flag of `settings` as text; other options of the command are ignored here.
  const flags = options as ConfigOptions;
  const layers = await layersOf(settings, flags);
  return asProviderFailure(loadConfig(await configFile(flags, defaultFile), layers));
}

export function groupOption(command: Command): Command {
  const parse = addressOption("--group");
  return command.option(
    "--group <address>",
    "only this group; repeatable (default: all groups of the config file)",
    (text: string, before: string[] | undefined) => [...(before ?? []), parse(text)],
  );
}

/** @throws CliError exit 2 if neither the config file nor an option names a group */
export function namedGroups({ groups }: ReaderContext): readonly string[] {
  if (groups.length > 0) return groups;
  throw usageError("no group is given", { hint: "add it to `groups` in the config file, or give --group" });
}

/** @throws CliError exit 2 if no Lens is configured */
export function lensOf({ chain }: ProviderConfig): string {
  if (chain.lens !== undefined) return chain.lens;
  throw usageError("chain.lens is missing: the Lens contract, through which groups are read", {
    hint: "add it to the config file, or give --lens",
  });
}

/** Opens the keys with the configured password file, or asks for the password. @throws KeyFileError */
export async function providerKeys(config: ProviderConfig): Promise<ProviderKeys> {
  return loadKeys(config.keys, await keysPassword(config));
}

/** Connects, runs `work`, and disconnects. */
export async function withReader<T>(
  options: ProviderOptions,
  work: (context: ReaderContext) => Promise<T>,
): Promise<T> {
  const config = await loadProvider(options);
  const { describeKeys } = await import("../../daemon/keys/keystore.ts");
  const [operator] = await asProviderFailure(describeKeys(config.keys, ["operator"]));
  const provider = await connectChain(config.chain);
  try {
    const groups = options.group ?? config.groups;
    const at = (group: string): GroupAt => ({ address: group, lens: lensOf(config) });
    const address = getAddress(config.operator ?? operator?.public ?? "");
    return await work({ config, provider, operator: address, groups, at });
  } finally {
    provider.destroy();
  }
}

/** The same with opened keys, for commands that sign. */
export async function withProvider<T>(
  options: ProviderOptions,
  work: (context: ProviderContext) => Promise<T>,
): Promise<T> {
  return withReader(options, async (reader) => {
    const keys = await asProviderFailure(providerKeys(reader.config));
    return work({ ...reader, keys, signer: new Wallet(toHex(keys.operator), reader.provider) });
  });
}
