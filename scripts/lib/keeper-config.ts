/** The keeper's configuration as its commands get it: flags before environment before file before defaults. */
import { access } from "node:fs/promises";
import type { Command } from "commander";
import type { ResolvedConfig, Setting } from "../../keeper/config.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import { CliError, exitCodes, usageError } from "./exit.ts";
import { askPassword } from "./prompt.ts";

export const defaultConfigFile = "keeper.yaml";
export type ConfigOptions = Readonly<Record<string, string | string[] | boolean | undefined>> & {
  readonly config?: string;
};

function optionOf({ flag, kind, env, text }: Setting): [string, string] {
  const value = kind === "list" ? "<values...>" : kind === "path" ? "<path>" : "<value>";
  return [`--${flag} ${value}`, `${text} (env ${env})`];
}

/** Adds `--config` and a flag for each setting. */
export async function configOptions(command: Command): Promise<Command> {
  const { settings } = await import("../../keeper/config.ts");
  command.option(
    "--config <file>",
    `config file, YAML or JSON (env WHITEPAY_CONFIG, default ./${defaultConfigFile})`,
  );
  for (const setting of settings) command.option(...optionOf(setting));
  return command;
}

/** The name under which commander keeps a flag. */
function attribute(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** @throws CliError exit 2 that names file and line, variable or flag */
export async function loadConfig(
  options: ConfigOptions,
): Promise<ResolvedConfig & { readonly file?: string }> {
  const { ConfigError, resolveConfig, settings } = await import("../../keeper/config.ts");
  const named = options.config ?? process.env["WHITEPAY_CONFIG"];
  const found = await access(defaultConfigFile).then(
    () => defaultConfigFile,
    () => undefined,
  );
  const file = named ?? found;
  const flags = Object.fromEntries(
    settings.map(({ flag }) => [flag, options[attribute(flag)] as string | string[] | undefined]),
  );
  try {
    const resolved = await resolveConfig({ file, env: process.env, flags });
    return { ...resolved, ...(file === undefined ? {} : { file }) };
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message);
    throw error;
  }
}

/** The password of the keys: from the file that the configuration names, or asked for. */
export async function keysPassword({ passwordFile }: KeeperConfig): Promise<string> {
  const { readPasswordFile } = await import("../../keeper/adapters/keyring-keystore.ts");
  if (passwordFile !== undefined) return readPasswordFile(passwordFile);
  return askPassword(
    "Password of the keys:",
    "--password-file FILE, WHITEPAY_PASSWORD_FILE or passwordFile in the config",
  );
}

/** Says in exit codes what keeps a keeper from working: keys and settings 2, a store that is in use or damaged 6. */
export async function asKeeperFailure<T>(work: () => Promise<T>): Promise<T> {
  const { ConfigError } = await import("../../keeper/config.ts");
  const { KeyFileError } = await import("../../keeper/adapters/keyring-keystore.ts");
  const { StoreError, StoreInUseError } = await import("../../keeper/adapters/store-level.ts");
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof KeyFileError) throw usageError(error.message);
    const unsafe = { code: exitCodes.unsafe, cause: error };
    if (error instanceof StoreInUseError) {
      const hint =
        "a keeper runs there: stop it first (whitepay keeper drain), and never run two with the same keys";
      throw new CliError({ ...unsafe, message: error.message, hint });
    }
    if (error instanceof StoreError) {
      const hint =
        "nothing is signed without the notes of what was signed: restore the folder, or import a history";
      throw new CliError({ ...unsafe, message: error.message, hint });
    }
    throw error;
  }
}
