/** Shared by the commands of payers and payees: configuration, connection to the chain, and the signing account. */
import type { Command } from "commander";
import { Wallet, type JsonRpcProvider } from "ethers";
import { z } from "zod";
import { connectChain } from "../../client/connect.ts";
import type { GroupAt } from "../../client/group-view.ts";
import { openGroup } from "../../client/status.ts";
import type { Hex } from "../../protocol/hash.ts";
import { setting } from "../../daemon/settings/layers.ts";
import type { ConfigDefinition, Setting } from "../../daemon/settings/layers.ts";
import { loadLayers, settingOptions, type ConfigOptions } from "../console/config-options.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { addressText as address } from "../../daemon/settings/address.ts";
import { askPassword } from "../console/prompt.ts";
import { knownDeployments } from "./deployments.ts";
import type { MoneyFlags } from "./transact.ts";

const schema = z.strictObject({
  chain: z
    .strictObject({
      id: z.int().positive().optional(),
      rpc: z
        .array(z.url({ protocol: /^https?$/ }))
        .min(1)
        .optional(),
      factory: address.optional(),
      registry: address.optional(),
      lens: address.optional(),
      vouchers: address.optional(),
    })
    .default({}),
  group: address.optional(),
  key: z.string().min(1).optional(),
  /** A file with the password in its first line. Without it the command asks at the terminal. */
  passwordFile: z.string().min(1).optional(),
});

export type PayerConfig = z.output<typeof schema>;

/** Settings of a role and the default name of its config file. */
export type Purse = { readonly definition: ConfigDefinition<PayerConfig>; readonly file: string };

const connection = [
  setting("chain.id", "chain-id", "number", "chain id; endpoints of other chains are refused"),
  setting("chain.rpc", "rpc", "list", "RPC endpoints, in order of preference"),
];
const lens = setting("chain.lens", "lens", "text", "the Lens contract, through which groups are read");
const account = (whose: string): Setting[] => [
  setting("group", "group", "text", "address of the group"),
  setting(
    "key",
    "key",
    "path",
    `the ${whose}'s key, an Ethereum JSON keystore (\`whitepay group key\` creates one)`,
  ),
  setting("passwordFile", "password-file", "path", "file with the password of the key"),
];

export const payerPurse: Purse = {
  definition: {
    schema,
    settings: [
      ...connection,
      setting("chain.factory", "factory", "text", "the UpkeepingFactory contract"),
      lens,
      ...account("payer"),
    ],
  },
  file: "payer.yaml",
};

export const payeePurse: Purse = {
  definition: {
    schema,
    settings: [
      ...connection,
      setting(
        "chain.registry",
        "registry",
        "text",
        "the Registry contract (default: the registry of the factory)",
      ),
      setting("chain.factory", "factory", "text", "the UpkeepingFactory contract"),
      lens,
      ...account("payee"),
    ],
  },
  file: "payee.yaml",
};

/** For `deploy`: an account, and no contracts yet. */
export const deployPurse: Purse = {
  definition: {
    schema,
    settings: [...connection, ...account("account").filter(({ key }) => key !== "group")],
  },
  file: "deploy.yaml",
};

/** Settings of commands that read data of other payers: they use an account only if they pay (R47). */
export const readerPurse: Purse = {
  definition: {
    schema,
    settings: [
      ...connection,
      setting("chain.registry", "registry", "text", "the Registry contract"),
      setting("chain.vouchers", "vouchers", "text", "the ReadVouchers contract, for paying"),
      ...account("reader").filter(({ key }) => key !== "group"),
    ],
  },
  file: "reader.yaml",
};

/** For commands that read archives: where the announcement is, and the providers. */
export const archivePurse: Purse = {
  definition: {
    schema,
    settings: [
      ...connection,
      setting(
        "chain.registry",
        "registry",
        "text",
        "the Registry contract, whose providers are asked (default: the registry of the factory)",
      ),
      setting("chain.factory", "factory", "text", "the UpkeepingFactory contract"),
      setting("group", "group", "text", "group whose announcement of the manifest counts"),
    ],
  },
  file: "reader.yaml",
};

export type PayerOptions = ConfigOptions & MoneyFlags & { readonly json?: boolean };

export function payerOptions(command: Command, purse = payerPurse): Command {
  return settingOptions(command, purse.definition.settings, purse.file);
}

type Needed = "chain.factory" | "chain.lens" | "chain.vouchers" | "group" | "key";

export type Payer = {
  readonly config: PayerConfig;
  /** Returns a required setting. @throws CliError exit 2 with the places to set it */
  need(key: Needed): string;
};

/** Contracts that the configuration does not name are those of the chain's known deployment. */
function withKnownContracts(config: PayerConfig): PayerConfig {
  const { id } = config.chain;
  const known = id === undefined ? undefined : knownDeployments().get(id);
  if (known === undefined) return config;
  const { registry, factory, lens, vouchers } = known;
  return { ...config, chain: { registry, factory, lens, vouchers, ...config.chain } };
}

export async function loadPayer(options: PayerOptions, purse = payerPurse): Promise<Payer> {
  const { config: own, file } = await loadLayers(purse.definition, options, purse.file);
  const config = withKnownContracts(own);
  return {
    config,
    need(key) {
      const { factory, lens: views, vouchers } = config.chain;
      const contracts = { "chain.factory": factory, "chain.lens": views, "chain.vouchers": vouchers };
      const value = key === "group" || key === "key" ? config[key] : contracts[key];
      if (value !== undefined) return value;
      throw missing(key, purse, file);
    },
  };
}

function missing(key: string, { definition, file: defaultFile }: Purse, file: string | undefined): CliError {
  const known = definition.settings.find((candidate) => candidate.key === key);
  return usageError(`${key} is missing: ${known?.text ?? key}`, {
    hint: `set it in ${file ?? defaultFile}, by ${known?.env} or by --${known?.flag}`,
  });
}

/** Connects, runs `work`, and disconnects. */
export async function withChain<T>(
  options: PayerOptions,
  work: (provider: JsonRpcProvider, payer: Payer) => Promise<T>,
  purse = payerPurse,
): Promise<T> {
  const payer = await loadPayer(options, purse);
  const { id, rpc } = payer.config.chain;
  if (rpc === undefined) throw missing("chain.rpc", purse, options.config);
  const provider = await connectChain({ id, rpc });
  try {
    return await work(provider, payer);
  } finally {
    provider.destroy();
  }
}

/** The configured group, as it is read. */
export function groupAt(payer: Payer): GroupAt {
  return { address: payer.need("group"), lens: payer.need("chain.lens") };
}

/** The same. @throws WhitePayError `input` if there is no group at the address */
export async function groupOf(provider: JsonRpcProvider, payer: Payer): Promise<GroupAt> {
  const group = groupAt(payer);
  await openGroup(provider, group);
  return group;
}

/** The account of the configured key. @throws CliError exit 2 if the key cannot be used */
export async function payerSigner(provider: JsonRpcProvider, payer: Payer): Promise<Wallet> {
  return new Wallet(await openAccount(payer.need("key"), payer.config.passwordFile), provider);
}

/** The secret key of an Ethereum JSON keystore. @throws CliError exit 2 if the key cannot be used */
export async function openAccount(path: string, passwordFile: string | undefined): Promise<Hex> {
  const { KeyFileError, openKey, readPasswordFile, readPrivate } =
    await import("../../daemon/keys/keystore.ts");
  try {
    const text = await readPrivate(path, "the key");
    const password =
      passwordFile === undefined
        ? await askPassword("Password of the key:", "--password-file FILE or WHITEPAY_PASSWORD_FILE")
        : await readPasswordFile(passwordFile);
    return await openKey("operator", text, password, path);
  } catch (error) {
    if (error instanceof KeyFileError) throw new CliError({ code: exitCodes.usage, message: error.message });
    throw error;
  }
}
