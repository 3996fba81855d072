/** The provider's configuration, in layers and without unknown keys (D1), and its keys, encrypted like a keeper's. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { parseDocument, stringify } from "yaml";
import { z } from "zod";
import { address } from "../daemon/settings/address.ts";
import { apiSchema, apiSettings } from "../daemon/settings/api.ts";
import { openOlderReceipts, openProviderKeys, writeKeys } from "../daemon/keys/keystore.ts";
import type { KdfStrength, ProviderSecrets } from "../daemon/keys/keystore.ts";
import { ConfigError, resolveLayers, resolveText, setting } from "../daemon/settings/layers.ts";
import type { ConfigSources, Setting } from "../daemon/settings/layers.ts";
import { logSchema, logSettings } from "../daemon/settings/log.ts";
import { secretKeyAddress } from "../protocol/codec/receipt.ts";
import { fromHex, toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";
import { relayUses } from "../daemon/peers/relay/settings.ts";
import { readingSchema } from "./reading/settings.ts";
import { offerSchema } from "./store/settings.ts";
import type { OfferSettings } from "./store/settings.ts";
import { resolveVolumes, volumesSchema } from "./volume-settings.ts";
import type { VolumeConfig } from "./volume-settings.ts";

const configSchema = z.strictObject({
  dataDir: z.string().min(1),
  chain: z.strictObject({
    id: z.int().min(1),
    rpc: z.array(z.url({ protocol: /^https?$/ })).min(1),
    registry: address,
    /** For the commands about money and status; the daemon does not need it. */
    lens: address.optional(),
    /** R47: the ReadVouchers contract; needed if reading has a price. */
    vouchers: address.optional(),
  }),
  /** Folder of the encrypted keys. */
  keys: z.string().min(1),
  /** An operator that is a contract and accepts the operator key's signatures (ERC-1271). Default: the key's address. */
  operator: address.optional(),
  /** File whose first line is the password of the keys. Without it the password is asked for at a terminal. */
  passwordFile: z.string().min(1).optional(),
  listen: z.array(z.string().startsWith("/", "expected a multiaddr such as /ip4/127.0.0.1/tcp/4001")).min(1),
  /** Addresses that keepers dial, if they differ from `listen`, for example behind NAT. */
  announce: z.array(z.string().startsWith("/", "expected a multiaddr")).default([]),
  /**
   * `use`: whether keepers' relays make this provider reachable. auto: if no relay can dial it, as behind a router; never: it tells nobody
   * its addresses but the registry.
   */
  relay: z.strictObject({ use: z.enum(relayUses).default("auto") }).default({ use: "auto" }),
  /** The groups that this provider agreed to serve; the chain says which committee serves each. */
  groups: z.array(address),
  volumes: volumesSchema,
  /** R42: what the provider offers to payers, and by which policy it accepts their requests. Default: it offers nothing. */
  offer: offerSchema.optional(),
  /** R44: where pieces that anybody may read are served over HTTP. Default: nowhere. */
  reading: readingSchema.optional(),
  /** The HTTP server for the operator: dashboard, metrics, API. Default: loopback, on any free port. */
  api: apiSchema,
  ...logSchema,
});

export { ConfigError } from "../daemon/settings/layers.ts";
export type ProviderConfig = Omit<z.output<typeof configSchema>, "volumes"> & {
  readonly volumes: readonly VolumeConfig[];
};

export type ProviderKeys = {
  readonly operator: Uint8Array;
  readonly operatorAddress: Hex;
  readonly peer: Uint8Array;
  /** Address of the current receipt key. */
  readonly receiptAddress: Hex;
  /** All receipt keys by address. */
  readonly receiptKeys: ReadonlyMap<Hex, Uint8Array>;
};

/** The address by which registry and groups know the provider. */
export function operatorOf(
  { operator }: Pick<ProviderConfig, "operator">,
  { operatorAddress }: Pick<ProviderKeys, "operatorAddress">,
): Hex {
  return operator ?? operatorAddress;
}

/** Settings that a flag or an environment variable may set too. */
export const settings: readonly Setting[] = [
  setting("dataDir", "data-dir", "path", "folder of pieces, answers and journal"),
  setting("chain.id", "chain-id", "number", "id of the chain"),
  setting("chain.rpc", "rpc", "list", "chain endpoints"),
  setting("chain.registry", "registry", "text", "the Registry contract"),
  setting("chain.lens", "lens", "text", "the Lens contract, for status and money"),
  setting("chain.vouchers", "vouchers", "text", "the ReadVouchers contract, if reading has a price"),
  setting("keys", "keys", "path", "folder of the key files"),
  setting("operator", "operator", "text", "operator that is a contract and accepts the key's signatures"),
  setting("passwordFile", "password-file", "path", "file with the password of the keys"),
  setting("listen", "listen", "list", "multiaddrs to listen on"),
  setting("announce", "announce", "list", "multiaddrs to register, if others than listened on"),
  setting(
    "relay.use",
    "relay-use",
    "text",
    "keepers' relays, to be reached without an open port: auto, always or never",
  ),
  setting("groups", "groups", "list", "groups to serve"),
  ...apiSettings,
  ...logSettings,
];

/**
 * Flags override the environment, and both override the file (YAML or JSON). Paths in the result are absolute.
 * @throws ConfigError that names file and line, variable or flag
 */
export async function loadConfig(
  file: string | undefined,
  layers: Omit<ConfigSources, "file"> = {},
): Promise<ProviderConfig> {
  const { config } = await resolveLayers({ schema: configSchema, settings }, { file, ...layers });
  if (config.reading?.price !== undefined && config.chain.vouchers === undefined) {
    throw new ConfigError(
      `${file ?? "settings"}: reading.price needs chain.vouchers: expected the address of the ReadVouchers contract, actual none`,
    );
  }
  const folder = file === undefined ? "." : dirname(file);
  return { ...config, volumes: resolveVolumes(config.volumes, folder, file ?? "volumes") };
}

/**
 * Changes settings of the offer in the file, and keeps its comments; "withdraw" removes the offer.
 * @throws ConfigError if the result is not valid; then the file stays as it is
 */
export async function changeOffer(file: string, changes: Partial<OfferSettings> | "withdraw"): Promise<void> {
  const before = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${file}: cannot be read: ${error.message}`);
  });
  const document = parseDocument(before);
  if (changes === "withdraw") document.delete("offer");
  else for (const [key, value] of Object.entries(changes)) document.setIn(["offer", key], value);
  const text = String(document);
  resolveText({ schema: configSchema, settings }, text, { file });
  await writeFileAtomic(file, text, 0o600);
}

/** Decrypts the keys in a folder. @throws KeyFileError */
export async function loadKeys(folder: string, password: string): Promise<ProviderKeys> {
  const { operator, receipt, peer } = await openProviderKeys(folder, password);
  const receipts = [receipt, ...(await openOlderReceipts(folder, password))];
  // fromHex takes a length as second parameter, so it cannot be passed to map.
  const receiptKeys = receipts.map((hex) => fromHex(hex));
  return {
    operator: fromHex(operator),
    operatorAddress: secretKeyAddress(fromHex(operator)),
    peer: fromHex(peer),
    receiptAddress: secretKeyAddress(fromHex(receipt)),
    receiptKeys: new Map(receiptKeys.map((key) => [secretKeyAddress(key), key])),
  };
}

export type NewProvider = {
  readonly dataDir: string;
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly registry: string;
  readonly lens?: string;
  readonly listen: readonly string[];
  /** Addresses that keepers dial, if they differ from `listen`. */
  readonly announce?: readonly string[];
  readonly groups: readonly string[];
  /** Default: any free port of loopback, another one at every start. */
  readonly api?: { readonly host: string; readonly port: number };
  /** Encrypts the keys. */
  readonly password: string;
  /** `light` is for devnets only. */
  readonly kdf: KdfStrength;
  /** File from which the daemon reads the password. Without it the password is typed at every start. */
  readonly passwordFile?: string;
  /** Default: new keys. */
  readonly secrets?: ProviderSecrets;
};

export function newProviderSecrets(): ProviderSecrets {
  const key = (): Hex => toHex(randomBytes(32));
  return { operator: key(), receipt: key(), peer: key() };
}

/** Creates the data folder (mode 0700) with `provider.yaml` and the folder `keys`. @throws ConfigError if one of them exists */
export async function initProvider(options: NewProvider): Promise<{ config: string; keys: string }> {
  const { dataDir, chainId, rpc, registry, lens, listen, announce = [], groups, api, passwordFile } = options;
  const paths = { config: join(dataDir, "provider.yaml"), keys: join(dataDir, "keys") };
  const config = {
    dataDir: ".",
    chain: { id: chainId, rpc, registry, ...(lens === undefined ? {} : { lens }) },
    keys: "keys",
    ...(passwordFile === undefined
      ? {}
      : { passwordFile: relative(resolve(dataDir), resolve(passwordFile)) }),
    listen,
    ...(announce.length === 0 ? {} : { announce }),
    groups,
    ...(api === undefined ? {} : { api }),
  };
  const text = stringify(config);
  resolveText({ schema: configSchema, settings }, text, { file: paths.config });
  for (const path of Object.values(paths)) {
    if (await stat(path).catch(() => undefined)) {
      throw new ConfigError(
        `${path}: exists already; remove it by hand if its keys are in no group and no registry`,
      );
    }
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await chmod(dataDir, 0o700);
  await writeKeys(paths.keys, options.secrets ?? newProviderSecrets(), options.password, options.kdf);
  await writeFileAtomic(paths.config, text, 0o600);
  return paths;
}
