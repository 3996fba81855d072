/** Shared by the keeper's commands: configuration, password, account, and exit codes of their errors. */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import type { KeySecrets } from "../../daemon/keys/keystore.ts";
import type { KeeperConfig, ResolvedConfig } from "../../keeper/config.ts";
import { loadLayers, settingOptions } from "../console/config-options.ts";
import type { ConfigOptions } from "../console/config-options.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { askPassword } from "../console/prompt.ts";

export type { ConfigOptions } from "../console/config-options.ts";
const defaultConfigFile = "keeper.yaml";

/** Adds `--config` and a flag for each setting. */
export async function configOptions(command: Command): Promise<Command> {
  const { settings } = await import("../../keeper/config.ts");
  return settingOptions(command, settings, defaultConfigFile);
}

/** @throws CliError exit 2 with the file and line, the variable or the flag */
export async function loadConfig(
  options: ConfigOptions,
): Promise<ResolvedConfig & { readonly file?: string }> {
  const { schema, settings } = await import("../../keeper/config.ts");
  return loadLayers({ schema, settings }, options, defaultConfigFile);
}

/** The password of the keys: from the configured file, or from a question at the terminal. */
export async function keysPassword({ passwordFile }: Pick<KeeperConfig, "passwordFile">): Promise<string> {
  const { readPasswordFile } = await import("../../daemon/keys/keystore.ts");
  if (passwordFile !== undefined) return readPasswordFile(passwordFile);
  return askPassword(
    "Password of the keys:",
    "--password-file FILE, WHITEPAY_PASSWORD_FILE or passwordFile in the config",
  );
}

export type KeeperAccount = {
  readonly config: KeeperConfig;
  readonly secrets: KeySecrets;
  readonly provider: JsonRpcProvider;
  /** The operator's account. */
  readonly signer: Wallet;
};

/** Opens the keys and a connection to the chain, for as long as `work` takes. */
export async function withKeeper(
  config: KeeperConfig,
  work: (account: KeeperAccount) => Promise<void>,
): Promise<void> {
  const { openKeys } = await import("../../daemon/keys/keystore.ts");
  const { connectChain } = await import("../../client/connect.ts");
  const { Wallet: EthersWallet } = await import("ethers");
  const secrets = await openKeys(config.keys, await keysPassword(config));
  const provider = await connectChain(config.chain);
  try {
    await work({ config, secrets, provider, signer: new EthersWallet(secrets.operator, provider) });
  } finally {
    provider.destroy();
  }
}

/** Maps errors to exit codes: keys and settings 2, a store that is in use or damaged 6. */
export async function asKeeperFailure<T>(work: () => Promise<T>): Promise<T> {
  const { ConfigError } = await import("../../daemon/settings/layers.ts");
  const { KeyFileError } = await import("../../daemon/keys/keystore.ts");
  const { StoreError, StoreInUseError } = await import("../../keeper/adapters/store-level.ts");
  const { LedgerError } = await import("../../keeper/adapters/ledger-typeorm/location.ts");
  const { ListenError } = await import("../../daemon/listen.ts");
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyFileError || error instanceof ListenError) {
      throw usageError(error.message);
    }
    if (error instanceof LedgerError) {
      const hint =
        "correct `ledger` in the configuration, or check its server (password: ledgerPasswordFile); move a damaged file away and run whitepay ledger rebuild";
      throw new CliError({ code: exitCodes.usage, message: error.message, hint, cause: error });
    }
    const unsafe = { code: exitCodes.unsafe, cause: error };
    if (error instanceof StoreInUseError) {
      const hint =
        "a keeper uses it: stop that keeper first (whitepay keeper drain), and never run two keepers with the same keys";
      throw new CliError({ ...unsafe, message: error.message, hint });
    }
    if (error instanceof StoreError) {
      const hint =
        "the keeper signs nothing without its signing history: restore the folder, or import a history";
      throw new CliError({ ...unsafe, message: error.message, hint });
    }
    throw error;
  }
}
