/** The keeper's configuration file: YAML or JSON, every key known, paths relative to the file. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
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
    rpc: z.array(z.url()).min(1),
    registry: address,
    poll_ms: z.number().int().min(20).max(60_000).default(150),
  }),
  groups: z.array(address).min(1),
  listen: z.array(z.string().startsWith("/")).min(1),
  keys: z.string().min(1),
  api: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.number().int().min(0).max(65_535).default(0),
    })
    .default({ host: "127.0.0.1", port: 0 }),
  challengeTimeout_ms: z.number().int().min(100).max(600_000).default(10_000),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
});

export type KeeperConfig = z.infer<typeof schema>;

/** What is wrong with a configuration, with the line where there is one. */
export class ConfigError extends Error {}

export async function readConfig(path: string): Promise<KeeperConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read (${(error as Error).message})`);
  }
  const config = parseConfig(text, path);
  const folder = dirname(resolve(path));
  return { ...config, dataDir: resolve(folder, config.dataDir), keys: resolve(folder, config.keys) };
}

/** @throws ConfigError */
export function parseConfig(text: string, path: string): KeeperConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) throw new ConfigError(`${path}: ${syntax.message}`);
  const result = schema.safeParse(document.toJS());
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.map(String) ?? [];
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const node = document.getIn(unknown === undefined ? where : [...where, unknown], true) as
    | { range?: [number, number, number] }
    | undefined;
  const line = node?.range === undefined ? undefined : lines.linePos(node.range[0]).line;
  const at = line === undefined ? path : `${path}:${line}`;
  throw new ConfigError(
    `${at}: ${where.length > 0 ? `${where.join(".")}: ` : ""}${issue?.message ?? "invalid"}`,
  );
}
