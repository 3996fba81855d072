/**
 * Layers of configuration, by precedence: flags, environment, file (YAML or JSON), defaults. Unknown keys are refused, and the origin
 * of every value is recorded. Paths in the file are relative to the file, other paths to the current folder.
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { isMap, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import type { z } from "zod";
import { whyNot } from "../../storage/disk/file-words.ts";
import { keysAt, nearest } from "./known-keys.ts";

/** A value that a flag or an environment variable can set. */
export type Setting = {
  readonly key: string;
  readonly flag: string;
  readonly env: string;
  /** "path-or-url": like "path", but a URL is kept as it is. */
  readonly kind: "text" | "path" | "path-or-url" | "number" | "decimal" | "boolean" | "list";
  readonly text: string;
};

export const setting = (key: string, flag: string, kind: Setting["kind"], text: string): Setting => ({
  key,
  flag,
  env: `WHITEPAY_${flag.toUpperCase().replaceAll("-", "_")}`,
  kind,
  text,
});

/** A fault of the configuration; the message has the line if it is in a file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export type ConfigSources = {
  /** Undefined: all values come from flags and environment. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By flag name without leading dashes, as in `settings`. */
  readonly flags?: Readonly<Record<string, string | readonly string[] | undefined>>;
};

/** Origin by key (such as `chain.rpc`): a flag, a variable, file and line, or "default". */
export type Origins = ReadonlyMap<string, string>;
export type Resolved<T> = { readonly config: T; readonly origins: Origins };

/** The schema of a file, and the settings that flags and environment can set. */
export type ConfigDefinition<T> = {
  readonly schema: z.ZodType<T>;
  readonly settings: readonly Setting[];
};

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

/** The leaves of a tree; a list is a leaf. */
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
  if (kind === "boolean") return last === "true" || (last === "false" ? false : last);
  if (kind === "decimal") return /^\d+(\.\d+)?$/.test(last) ? Number(last) : last;
  if (kind === "number") return /^\d+$/.test(last) ? Number(last) : last;
  return isPath(kind, last) ? resolve(last) : last;
}

function isPath(kind: Setting["kind"], text: string): boolean {
  return kind === "path" || (kind === "path-or-url" && !/^[a-z][a-z0-9+.-]*:\/\//i.test(text));
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

/** File and line of the key itself; its value may begin on a later line. */
function keyPlace({ path, document, lines }: File, keys: readonly PropertyKey[]): string | undefined {
  const parent = document.getIn(keys.slice(0, -1), true);
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => String(key) === String(keys.at(-1)))
    : undefined;
  const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
  return range === undefined ? undefined : `${path}:${lines.linePos(range[0]).line}`;
}

/** File and line of the innermost object that exists on the path of a missing key. */
function nearestPlace(file: File, keys: readonly PropertyKey[]): string | undefined {
  for (let length = keys.length; length > 0; length--) {
    const place = placeIn(file, keys.slice(0, length));
    if (place !== undefined) return place;
  }
  return undefined;
}

function treeOf(
  file: File | undefined,
  settings: readonly Setting[],
): { tree: Tree; origins: Map<string, string> } {
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

/** Messages about unknown keys of the file, with line and suggestion. */
function unknownKeys<T>(
  { schema, settings }: ConfigDefinition<T>,
  issues: readonly z.core.$ZodIssue[],
  file: File | undefined,
): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "unrecognized_keys") return [];
    const known = keysAt(schema, issue.path) ?? keysBelow(settings, issue.path);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const at = file === undefined ? "configuration" : (keyPlace(file, path) ?? file.path);
      const near = nearest(key, known);
      const others = known.length === 0 ? "" : `; expected one of ${known.join(", ")}`;
      const meant = near === undefined ? others : `; did you mean ${JSON.stringify(near)}?`;
      return `${at}: ${path.map(String).join(".")}: unknown key${meant}`;
    });
  });
}

function keysBelow(settings: readonly Setting[], path: readonly PropertyKey[]): string[] {
  const prefix = path.map((part) => `${String(part)}.`).join("");
  const below = settings
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ key }) => key.slice(prefix.length));
  return [...new Set(below.map((key) => key.split(".")[0] ?? key))];
}

function missing(named: Setting, file: File | undefined, keys: readonly PropertyKey[]): ConfigError {
  const where = file === undefined ? "a config file" : (keyPlace(file, keys.slice(0, -1)) ?? file.path);
  return new ConfigError(
    `${where}: ${named.key}: missing (${named.text}); set it there, by ${named.env} or by --${named.flag}`,
  );
}

/** An object is missing if none of its settings has an origin. */
function missingObject(
  settings: readonly Setting[],
  { file, path, origins }: { file: File | undefined; path: readonly PropertyKey[]; origins: Origins },
): ConfigError | undefined {
  const key = path.map(String).join(".");
  const inside = settings.filter((known) => known.key.startsWith(`${key}.`));
  if (inside.length === 0 || inside.some((known) => origins.has(known.key))) return undefined;
  const where = file === undefined ? "a config file" : (nearestPlace(file, path) ?? file.path);
  return new ConfigError(`${where}: ${key}: missing; it holds ${inside.map((one) => one.key).join(", ")}`);
}

/** Origin of a refused value: its line if it is in the file, else its flag or variable. */
function placeOfValue(
  file: File | undefined,
  path: readonly PropertyKey[],
  origin: string | undefined,
): string {
  if (file === undefined) return origin ?? "configuration";
  const isFromFile = origin === undefined || origin.startsWith(file.path);
  return isFromFile ? (nearestPlace(file, path) ?? file.path) : origin;
}

function refusal<T>(
  definition: ConfigDefinition<T>,
  issues: readonly z.core.$ZodIssue[],
  file: File | undefined,
  origins: Origins,
): ConfigError {
  // A misspelt key also causes an issue about a missing key: report the misspelt one, because it has a line.
  const unknown = unknownKeys(definition, issues, file);
  if (unknown.length > 0) return new ConfigError(unknown.join("\n  "));
  const [issue] = issues;
  const path = issue?.path ?? [];
  const key = path.map(String).join(".");
  const named = definition.settings.find((known) => key === known.key || key.startsWith(`${known.key}.`));
  const origin = named === undefined ? undefined : origins.get(named.key);
  if (named !== undefined && origin === undefined) return missing(named, file, path);
  const object = missingObject(definition.settings, { file, path, origins });
  if (object !== undefined) return object;
  const at = placeOfValue(file, path, origin);
  return new ConfigError(`${at}: ${key === "" ? "" : `${key}: `}${issue?.message ?? "invalid"}`);
}

/** `text` is that of `sources.file`. @throws ConfigError that names file and line, variable or flag */
export function resolveText<T>(
  { schema, settings }: ConfigDefinition<T>,
  text: string | undefined,
  sources: ConfigSources,
): Resolved<T> {
  const { file: path, env = {}, flags = {} } = sources;
  const file = text === undefined || path === undefined ? undefined : parseFile(text, path);
  const { tree, origins } = treeOf(file, settings);
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
  if (!result.success) throw refusal({ schema, settings }, result.error.issues, file, origins);
  for (const [key] of leaves(result.data)) if (!origins.has(key)) origins.set(key, "default");
  return { config: result.data, origins };
}

/** @throws ConfigError that names file and line, variable or flag */
export async function resolveLayers<T>(
  definition: ConfigDefinition<T>,
  sources: ConfigSources,
): Promise<Resolved<T>> {
  const { file } = sources;
  if (file === undefined) return resolveText(definition, undefined, sources);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read: ${whyNot(error)}`);
  }
  return resolveText(definition, text, sources);
}
