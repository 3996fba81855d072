/** The provider's configuration in layers, and its key file: read whole, checked whole, unknown keys refused (D1). */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { ConfigError, resolveLayers, setting } from "../keeper/config-layers.ts";
import type { ConfigSources, Setting } from "../keeper/config-layers.ts";
import { secretKeyAddress } from "../keeper/codec/receipt.ts";
import { fromHex, toHex } from "../keeper/core/hash.ts";
import type { Hex } from "../keeper/core/hash.ts";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address: 0x and 40 hex digits")
  .transform((text) => text.toLowerCase() as Hex);
const secret = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "expected a secret key: 0x and 64 hex digits");

const configSchema = z.strictObject({
  dataDir: z.string().min(1),
  chain: z.strictObject({
    id: z.int().min(1),
    rpc: z.array(z.url({ protocol: /^https?$/ })).min(1),
    registry: address,
  }),
  keys: z.string().min(1),
  listen: z.array(z.string().startsWith("/", "expected a multiaddr such as /ip4/127.0.0.1/tcp/4001")).min(1),
  groups: z.array(address),
  /** Where figures for Prometheus are served; nowhere without it. */
  metrics: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }).optional(),
});

const keysSchema = z.strictObject({
  operator: secret,
  receipt: secret,
  /** 32-byte seed of the libp2p ed25519 key. */
  peer: secret,
  /** Keys that receipts of slots before a change still need. */
  olderReceipts: z.array(secret).optional(),
});

export { ConfigError } from "../keeper/config-layers.ts";
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
  setting("keys", "keys", "path", "the key file"),
  setting("listen", "listen", "list", "multiaddrs to listen on"),
  setting("groups", "groups", "list", "groups to serve"),
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

/** Refuses a key file that others can read. */
export async function loadKeys(path: string): Promise<ProviderKeys> {
  const text = await readText(path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new ConfigError(
      `${path}: expected mode 0600, actual 0${(mode & 0o777).toString(8)}; others can read the keys: chmod 600 ${path}`,
    );
  }
  const keys = check(path, keysSchema, parseText(path, text));
  const receiptKeys = new Map<Hex, Uint8Array>();
  for (const key of [keys.receipt, ...(keys.olderReceipts ?? [])]) {
    receiptKeys.set(addressOf(path, key), fromHex(key));
  }
  return {
    operator: fromHex(keys.operator),
    operatorAddress: addressOf(path, keys.operator),
    peer: fromHex(keys.peer),
    receiptAddress: addressOf(path, keys.receipt),
    receiptKeys,
  };
}

function addressOf(path: string, key: string): Hex {
  try {
    return secretKeyAddress(fromHex(key));
  } catch {
    throw new ConfigError(`${path}: a secret key is out of range; make new keys with "provider init"`);
  }
}

export interface NewProvider {
  readonly dataDir: string;
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly registry: string;
  readonly listen: readonly string[];
  readonly groups: readonly string[];
}

/** Writes `provider.yaml` and `keys.json` (0600) into the data folder; refuses to overwrite either. */
export async function initProvider(options: NewProvider): Promise<{ config: string; keys: string }> {
  const { dataDir, chainId, rpc, registry, listen, groups } = options;
  const paths = { config: join(dataDir, "provider.yaml"), keys: join(dataDir, "keys.json") };
  const config = { dataDir: ".", chain: { id: chainId, rpc, registry }, keys: "keys.json", listen, groups };
  check("options", configSchema, config);
  await mkdir(dataDir, { recursive: true });
  for (const path of Object.values(paths)) {
    if (await stat(path).catch(() => undefined)) {
      throw new ConfigError(
        `${path}: exists already; remove it by hand if its keys are in no group and no registry`,
      );
    }
  }
  const key = (): string => toHex(randomBytes(32));
  const keys = { operator: key(), receipt: key(), peer: key() };
  await writeFileAtomic(paths.keys, `${JSON.stringify(keys, undefined, 2)}\n`, 0o600);
  await chmod(paths.keys, 0o600);
  await writeFileAtomic(paths.config, stringify(config));
  return paths;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError(
      `${path}: cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    );
  }
}

function parseText(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: neither YAML nor JSON: ${(error as Error).message.split("\n")[0]}`);
  }
}

function check<Schema extends z.ZodType>(path: string, schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map(
    (issue) => `  ${issue.path.join(".") || "(whole file)"}: ${issue.message}`,
  );
  throw new ConfigError([`${path}: not valid`, ...lines].join("\n"));
}
