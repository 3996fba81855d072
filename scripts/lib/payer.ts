/** What a payer's commands share: configuration, connection, the account that pays. */
import type { Command } from "commander";
import { Wallet, type JsonRpcProvider } from "ethers";
import { z } from "zod";
import { connectChain, connectRpc } from "../client/connect.ts";
import { openGroup } from "../client/status.ts";
import { setting } from "../../keeper/config-layers.ts";
import type { ConfigDefinition } from "../../keeper/config-layers.ts";
import { loadLayers, settingOptions, type ConfigOptions } from "./config-options.ts";
import { CliError, exitCodes, usageError } from "./exit.ts";
import { address } from "./json-input.ts";
import { askPassword } from "./prompt.ts";
import type { MoneyFlags } from "./transact.ts";

const defaultFile = "payer.yaml";

const schema = z.strictObject({
  chain: z
    .strictObject({
      id: z.int().positive().optional(),
      rpc: z
        .array(z.url({ protocol: /^https?$/ }))
        .min(1)
        .optional(),
      factory: address.optional(),
    })
    .default({}),
  group: address.optional(),
  key: z.string().min(1).optional(),
  /** First line: the password of the key. Asked for at a terminal if there is none. */
  passwordFile: z.string().min(1).optional(),
});

export type PayerConfig = z.output<typeof schema>;

const definition: ConfigDefinition<PayerConfig> = {
  schema,
  settings: [
    setting("chain.id", "chain-id", "number", "id of the chain; another one is then refused"),
    setting("chain.rpc", "rpc", "list", "chain endpoints, tried in turn"),
    setting("chain.factory", "factory", "text", "the UpkeepingFactory contract"),
    setting("group", "group", "text", "address of the group"),
    setting(
      "key",
      "key",
      "path",
      "the payer's key: an Ethereum JSON keystore, as `whitepay group key` makes one",
    ),
    setting("passwordFile", "password-file", "path", "file with the password of the key"),
  ],
};

export type PayerOptions = ConfigOptions & MoneyFlags & { readonly json?: boolean };

export function payerOptions(command: Command): Command {
  return settingOptions(command, definition.settings, defaultFile);
}

export type Payer = {
  readonly config: PayerConfig;
  /** A setting that this command needs. @throws CliError exit 2 that says where to set it */
  need(key: "chain.factory" | "group" | "key"): string;
};

export async function loadPayer(options: PayerOptions): Promise<Payer> {
  const { config, file } = await loadLayers(definition, options, defaultFile);
  return {
    config,
    need(key) {
      const value = key === "chain.factory" ? config.chain.factory : config[key];
      if (value !== undefined) return value;
      throw missing(key, file);
    },
  };
}

function missing(key: string, file: string | undefined): CliError {
  const known = definition.settings.find((candidate) => candidate.key === key);
  return usageError(`${key} is missing: ${known?.text ?? key}`, {
    hint: `set it in ${file ?? defaultFile}, by ${known?.env} or by --${known?.flag}`,
  });
}

/** Connects for as long as `work` takes. */
export async function withChain<T>(
  options: PayerOptions,
  work: (provider: JsonRpcProvider, payer: Payer) => Promise<T>,
): Promise<T> {
  const payer = await loadPayer(options);
  const { id, rpc } = payer.config.chain;
  if (rpc === undefined) throw missing("chain.rpc", options.config);
  const provider = id === undefined ? await firstOf(rpc) : await connectChain({ id, rpc });
  try {
    return await work(provider, payer);
  } finally {
    provider.destroy();
  }
}

async function firstOf(rpc: readonly string[]): Promise<JsonRpcProvider> {
  let last: unknown;
  for (const url of rpc) {
    try {
      return await connectRpc(url);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** The group that the configuration names, found to be one. */
export async function groupOf(provider: JsonRpcProvider, payer: Payer): Promise<string> {
  return (await openGroup(provider, payer.need("group"))).address;
}

/** The paying account. @throws CliError exit 2 if the key cannot be used */
export async function payerSigner(provider: JsonRpcProvider, payer: Payer): Promise<Wallet> {
  const path = payer.need("key");
  const { KeyFileError, openKey, readPasswordFile, readPrivate } =
    await import("../../keeper/adapters/keyring-keystore.ts");
  const { passwordFile } = payer.config;
  try {
    const text = await readPrivate(path, "the key");
    const password =
      passwordFile === undefined
        ? await askPassword("Password of the key:", "--password-file FILE or WHITEPAY_PASSWORD_FILE")
        : await readPasswordFile(passwordFile);
    return new Wallet(await openKey("operator", text, password, path), provider);
  } catch (error) {
    if (error instanceof KeyFileError) throw new CliError({ code: exitCodes.usage, message: error.message });
    throw error;
  }
}
