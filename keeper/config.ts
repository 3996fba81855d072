/**
 * The keeper's configuration: flags before environment before file (YAML or JSON) before defaults. Every key is known,
 * and every value knows where it came from. Paths in the file are relative to the file, others to the current folder.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { z } from "zod";
import type { Hex } from "./core/hash.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected an address: 0x and 40 hex digits")
  .transform((value) => value.toLowerCase() as Hex);

const schema = z.strictObject({
  dataDir: z.string().min(1),
  chain: z.strictObject({
    id: z.number().int().positive(),
    rpc: z.array(z.url({ protocol: /^https?$/ })).min(1),
    registry: address,
    poll_ms: z.number().int().min(20).max(60_000).default(150),
  }),
  groups: z.array(address).default([]),
  listen: z.array(z.string().startsWith("/", "expected a multiaddr such as /ip4/0.0.0.0/tcp/4001")).min(1),
  /** What others are told to dial, where that is not what is listened on: behind NAT, for instance. */
  announce: z.array(z.string().startsWith("/", "expected a multiaddr")).default([]),
  keys: z.string().min(1),
  /** First line: the password of the key files. Asked for at a terminal if there is none. */
  passwordFile: z.string().min(1).optional(),
  /** A postgres:// URL or a file; a file in dataDir unless said otherwise. */
  ledger: z.string().min(1).optional(),
  ledgerPasswordFile: z.string().min(1).optional(),
  api: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.number().int().min(0).max(65_535).default(0),
      /** Names by which browsers may reach it, besides the host itself and localhost. */
      names: z.array(z.string().min(1)).default([]),
    })
    .default({ host: "127.0.0.1", port: 0, names: [] }),
  challengeTimeout_ms: z.number().int().min(100).max(600_000).default(10_000),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
});

export type KeeperConfig = z.infer<typeof schema>;

/** One value that can come from a flag or the environment too. */
export type Setting = {
  readonly key: string;
  readonly flag: string;
  readonly env: string;
  /** "place": a URL or a path. */
  readonly kind: "text" | "path" | "place" | "number" | "list";
  readonly text: string;
};

const setting = (key: string, flag: string, kind: Setting["kind"], text: string): Setting => ({
  key,
  flag,
  env: `WHITEPAY_${flag.toUpperCase().replaceAll("-", "_")}`,
  kind,
  text,
});

export const settings: readonly Setting[] = [
  setting("dataDir", "data-dir", "path", "folder of the store and the ledger"),
  setting("chain.id", "chain-id", "number", "id of the chain"),
  setting("chain.rpc", "rpc", "list", "chain endpoints"),
  setting("chain.registry", "registry", "text", "the Registry contract"),
  setting("chain.poll_ms", "poll-ms", "number", "time between two looks at the chain"),
  setting("groups", "groups", "list", "groups to keep"),
  setting("listen", "listen", "list", "multiaddrs to listen on"),
  setting("announce", "announce", "list", "multiaddrs to register, if others than listened on"),
  setting("keys", "keys", "path", "folder of the key files"),
  setting("passwordFile", "password-file", "path", "file with the password of the keys"),
  setting("ledger", "ledger", "place", "the ledger: a postgres:// URL or a file"),
  setting(
    "ledgerPasswordFile",
    "ledger-password-file",
    "path",
    "file with the password of the ledger's server",
  ),
  setting("api.host", "api-host", "text", "address of the HTTP server"),
  setting("api.port", "api-port", "number", "port of the HTTP server, 0 for any"),
  setting("api.names", "api-names", "list", "names by which browsers may reach the HTTP server"),
  setting("challengeTimeout_ms", "challenge-timeout-ms", "number", "how long a provider may take"),
  setting("logLevel", "log-level", "text", "trace, debug, info, warn, error or silent"),
];

/** What is wrong with a configuration, with the line where there is one. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type ConfigSources = {
  /** Undefined: no file, all from flags and environment. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By flag name without dashes in front, as in `settings`. */
  readonly flags?: Readonly<Record<string, string | readonly string[] | undefined>>;
};

/** By key, as in `chain.rpc`: a flag, a variable, file and line, or "default". */
export type Origins = ReadonlyMap<string, string>;
export type ResolvedConfig = { readonly config: KeeperConfig; readonly origins: Origins };

type Tree = { [key: string]: unknown };

function put(tree: Tree, key: string, value: unknown): void {
  const parts = key.split(".");
  const last = parts.pop() ?? "";
  let at = tree;
  for (const part of parts) {
    const next = at[part];
    if (typeof next !== "object" || next === null || Array.isArray(next)) at[part] = {};
    at = at[part] as Tree;
  }
  at[last] = value;
}

/** The leaves of a tree, lists counted as leaves. */
function* leaves(value: unknown, path: readonly string[] = []): Generator<readonly [string, unknown]> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    yield [path.join("."), value];
    return;
  }
  for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key]);
}

function fromText({ kind }: Setting, text: string | readonly string[]): unknown {
  const words = typeof text === "string" ? [text] : text;
  if (kind === "list") return words.flatMap((word) => word.split(",")).map((word) => word.trim());
  const last = words.at(-1) ?? "";
  if (kind === "number") return /^\d+$/.test(last) ? Number(last) : last;
  return isPath(kind, last) ? resolve(last) : last;
}

function isPath(kind: Setting["kind"], text: string): boolean {
  return kind === "path" || (kind === "place" && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text));
}

type File = { readonly path: string; readonly document: Document; readonly lines: LineCounter };

function parseFile(text: string, path: string): File {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) {
    const at = syntax.linePos?.[0].line;
    throw new ConfigError(`${path}${at === undefined ? "" : `:${at}`}: ${syntax.message.split("\n")[0]}`);
  }
  return { path, document, lines };
}

function placeIn({ path, document, lines }: File, keys: readonly PropertyKey[]): string | undefined {
  const node = document.getIn(keys, true) as { range?: [number, number, number] } | undefined;
  return node?.range === undefined ? undefined : `${path}:${lines.linePos(node.range[0]).line}`;
}

function treeOf(file: File | undefined): { tree: Tree; origins: Map<string, string> } {
  const origins = new Map<string, string>();
  if (file === undefined) return { tree: {}, origins };
  const value: unknown = file.document.toJS();
  if (value !== null && (typeof value !== "object" || Array.isArray(value))) {
    throw new ConfigError(`${file.path}:1: expected keys with values, actual something else`);
  }
  const tree = (value ?? {}) as Tree;
  const folder = dirname(resolve(file.path));
  for (const [key, leaf] of leaves(tree)) {
    if (key === "") continue;
    origins.set(key, placeIn(file, key.split(".")) ?? file.path);
    if (typeof leaf !== "string" || leaf === "") continue;
    const kind = settings.find((known) => known.key === key)?.kind;
    if (kind !== undefined && isPath(kind, leaf)) put(tree, key, resolve(folder, leaf));
  }
  return { tree, origins };
}

function refusal(issue: z.core.$ZodIssue | undefined, file: File | undefined, origins: Origins): ConfigError {
  const path = issue?.path ?? [];
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const keys = unknown === undefined ? path : [...path, unknown];
  const key = path.map(String).join(".");
  const message = issue?.message ?? "invalid";
  const named = settings.find((known) => key === known.key || key.startsWith(`${known.key}.`));
  const origin = named === undefined ? undefined : origins.get(named.key);
  if (named !== undefined && origin === undefined) {
    const where = file === undefined ? "a config file" : file.path;
    return new ConfigError(
      `${where}: ${named.key}: missing (${named.text}); set it there, by ${named.env} or by --${named.flag}`,
    );
  }
  const line = file === undefined ? undefined : placeIn(file, keys);
  const fromFile = origin === undefined || (file !== undefined && origin.startsWith(file.path));
  const at = fromFile ? (line ?? file?.path ?? "configuration") : origin;
  return new ConfigError(`${at}: ${key === "" ? "" : `${key}: `}${message}`);
}

function resolveText(text: string | undefined, sources: ConfigSources): ResolvedConfig {
  const { file: path, env = {}, flags = {} } = sources;
  const file = text === undefined || path === undefined ? undefined : parseFile(text, path);
  const { tree, origins } = treeOf(file);
  for (const known of settings) {
    const { [known.env]: variable } = env;
    const { [known.flag]: flag } = flags;
    if (flag !== undefined) {
      put(tree, known.key, fromText(known, flag));
      origins.set(known.key, `--${known.flag}`);
    } else if (variable !== undefined && variable !== "") {
      put(tree, known.key, fromText(known, variable));
      origins.set(known.key, known.env);
    }
  }
  const result = schema.safeParse(tree);
  if (!result.success) throw refusal(result.error.issues[0], file, origins);
  for (const [key] of leaves(result.data)) if (!origins.has(key)) origins.set(key, "default");
  return { config: result.data, origins };
}

/** Checks the text of a config file that is not written yet. @throws ConfigError */
export function parseConfigText(text: string, path: string): KeeperConfig {
  return resolveText(text, { file: path }).config;
}

/** @throws ConfigError that names file and line, variable or flag */
export async function resolveConfig(sources: ConfigSources): Promise<ResolvedConfig> {
  const { file } = sources;
  if (file === undefined) return resolveText(undefined, sources);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${(error as Error).message})`);
  }
  return resolveText(text, sources);
}

/** The configuration of a file alone. @throws ConfigError */
export async function readConfig(path: string): Promise<KeeperConfig> {
  return (await resolveConfig({ file: path })).config;
}
