/** The provider's configuration in layers, checked whole, unknown keys refused (D1); and its keys, sealed as a keeper's are. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { address } from "../daemon/settings/address.ts";
import { openOlderReceipts, openProviderKeys, writeKeys } from "../daemon/keys/keystore.ts";
import type { KdfStrength, ProviderSecrets } from "../daemon/keys/keystore.ts";
import { ConfigError, resolveLayers, resolveText, setting } from "../daemon/settings/layers.ts";
import type { ConfigSources, Setting } from "../daemon/settings/layers.ts";
import { logSchema, logSettings } from "../daemon/settings/log.ts";
import { secretKeyAddress } from "../protocol/codec/receipt.ts";
import { fromHex, toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";

const configSchema = z.strictObject({
  dataDir: z.string().min(1),
  chain: z.strictObject({
    id: z.int().min(1),
    rpc: z.array(z.url({ protocol: /^https?$/ })).min(1),
    registry: address,
  }),
  /** Folder of the sealed keys. */
  keys: z.string().min(1),
  /** First line: the password of the keys. Asked for at a terminal if there is none. */
  passwordFile: z.string().min(1).optional(),
  listen: z.array(z.string().startsWith("/", "expected a multiaddr such as /ip4/127.0.0.1/tcp/4001")).min(1),
  /** What keepers are told to dial, where that is not what is listened on: behind NAT, for instance. */
  announce: z.array(z.string().startsWith("/", "expected a multiaddr")).default([]),
  groups: z.array(address),
  /** Where figures for Prometheus are served; nowhere without it. */
  metrics: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }).optional(),
  ...logSchema,
});

export { ConfigError } from "../daemon/settings/layers.ts";
export type ProviderConfig = z.output<typeof configSchema>;

export interface ProviderKeys {
  readonly operator: Uint8Array;
  readonly operatorAddress: Hex;
  readonly peer: Uint8Array;
  /** The present receipt key's address. */
  readonly receiptAddress: Hex;
  /** All receipt keys by address. */
  readonly receiptKeys: ReadonlyMap<Hex, Uint8Array>;
}

/** What of it may come from a flag or the environment too. */
export const settings: readonly Setting[] = [
  setting("dataDir", "data-dir", "path", "folder of pieces, answers and journal"),
  setting("chain.id", "chain-id", "number", "id of the chain"),
  setting("chain.rpc", "rpc", "list", "chain endpoints"),
  setting("chain.registry", "registry", "text", "the Registry contract"),
  setting("keys", "keys", "path", "folder of the key files"),
  setting("passwordFile", "password-file", "path", "file with the password of the keys"),
  setting("listen", "listen", "list", "multiaddrs to listen on"),
  setting("announce", "announce", "list", "multiaddrs to register, if others than listened on"),
  setting("groups", "groups", "list", "groups to serve"),
  ...logSettings,
];

/**
 * Flags before environment before file (YAML or JSON), with absolute paths.
 * @throws ConfigError that names file and line, variable or flag
 */
export async function loadConfig(
  file: string | undefined,
  layers: Omit<ConfigSources, "file"> = {},
): Promise<ProviderConfig> {
  return (await resolveLayers({ schema: configSchema, settings }, { file, ...layers })).config;
}

/** Opens the sealed keys in a folder. @throws KeyFileError */
export async function loadKeys(folder: string, password: string): Promise<ProviderKeys> {
  const { operator, receipt, peer } = await openProviderKeys(folder, password);
  const receiptKeys = [receipt, ...(await openOlderReceipts(folder, password))].map(fromHex);
  return {
    operator: fromHex(operator),
    operatorAddress: secretKeyAddress(fromHex(operator)),
    peer: fromHex(peer),
    receiptAddress: secretKeyAddress(fromHex(receipt)),
    receiptKeys: new Map(receiptKeys.map((key) => [secretKeyAddress(key), key])),
  };
}

export interface NewProvider {
  readonly dataDir: string;
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly registry: string;
  readonly listen: readonly string[];
  /** What keepers dial, where it differs from `listen`. */
  readonly announce?: readonly string[];
  readonly groups: readonly string[];
  /** Seals the keys. */
  readonly password: string;
  /** `light` is for devnets alone. */
  readonly kdf: KdfStrength;
  /** Where the daemon finds the password; without it somebody types it at every start. */
  readonly passwordFile?: string;
  /** New ones unless there are some. */
  readonly secrets?: ProviderSecrets;
}

export function newProviderSecrets(): ProviderSecrets {
  const key = (): Hex => toHex(randomBytes(32));
  return { operator: key(), receipt: key(), peer: key() };
}

/** Makes the data folder (mode 0700) with `provider.yaml` and the folder `keys`; refuses to overwrite either. */
export async function initProvider(options: NewProvider): Promise<{ config: string; keys: string }> {
  const { dataDir, chainId, rpc, registry, listen, announce = [], groups, passwordFile } = options;
  const paths = { config: join(dataDir, "provider.yaml"), keys: join(dataDir, "keys") };
  const config = {
    dataDir: ".",
    chain: { id: chainId, rpc, registry },
    keys: "keys",
    ...(passwordFile === undefined
      ? {}
      : { passwordFile: relative(resolve(dataDir), resolve(passwordFile)) }),
    listen,
    ...(announce.length === 0 ? {} : { announce }),
    groups,
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
