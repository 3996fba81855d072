/** Command-line options of a layered configuration: a flag for each setting, `--config`, and a default file. */
import type { Command } from "commander";
import { ConfigError, resolveLayers } from "../../daemon/settings/layers.ts";
import type { ConfigDefinition, ConfigSources, Resolved, Setting } from "../../daemon/settings/layers.ts";
import { usageError } from "./exit.ts";
import { exists } from "./output-file.ts";
import { refuseUnknownVariables } from "./variables.ts";

export type ConfigOptions = Readonly<Record<string, string | string[] | boolean | undefined>> & {
  readonly config?: string;
};

function optionOf({ flag, kind, env, text }: Setting): [string, string] {
  const value = kind === "list" ? "<values...>" : kind === "path" ? "<path>" : "<value>";
  return [`--${flag} ${value}`, `${text} (env ${env})`];
}

/** Adds `--config` and a flag for each setting. */
export function settingOptions(command: Command, settings: readonly Setting[], defaultFile: string): Command {
  command.option(
    "--config <file>",
    `config file, YAML or JSON (env WHITEPAY_CONFIG, default ./${defaultFile})`,
  );
  for (const setting of settings) command.option(...optionOf(setting));
  return command;
}

/** The property in which commander stores a flag. */
function attribute(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Turns a ConfigError into a usage error (exit 2). */
export async function asUsage<T>(work: () => Promise<T>, hint?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message, hint === undefined ? {} : { hint });
    throw error;
  }
}

/** The file from the option or the environment, else the default file if it exists. */
export async function configFile(options: ConfigOptions, defaultFile: string): Promise<string | undefined> {
  const named = options.config ?? process.env["WHITEPAY_CONFIG"];
  return named ?? ((await exists(defaultFile)) ? defaultFile : undefined);
}

/** The layers above the file: flags and environment. @throws CliError exit 2 for an unknown variable */
export async function layersOf(
  settings: readonly Setting[],
  options: ConfigOptions,
): Promise<Omit<ConfigSources, "file">> {
  await refuseUnknownVariables(process.env, settings);
  const flags = Object.fromEntries(
    settings.map(({ flag }) => [flag, options[attribute(flag)] as string | string[] | undefined]),
  );
  return { env: process.env, flags };
}

/** @throws CliError exit 2 with the file and line, the variable or the flag */
export async function loadLayers<T>(
  definition: ConfigDefinition<T>,
  options: ConfigOptions,
  defaultFile: string,
): Promise<Resolved<T> & { readonly file?: string }> {
  const file = await configFile(options, defaultFile);
  const layers = await layersOf(definition.settings, options);
  const nowhere = `there is no ${defaultFile} in this folder: change to its folder, or give --config FILE`;
  const resolved = await asUsage(
    () => resolveLayers(definition, { file, ...layers }),
    file === undefined ? nowhere : undefined,
  );
  return { ...resolved, ...(file === undefined ? {} : { file }) };
}
