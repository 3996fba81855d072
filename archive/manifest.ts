/** Reads manifests, checks them, and writes their canonical bytes, whose piece root names the manifest (R46). */
import type { z } from "zod";
import { toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { equalBytes } from "../storage/core/bytes.ts";
import { pieceRoot } from "../storage/core/merkle.ts";
import { accept, reject } from "../storage/core/result.ts";
import type { Result } from "../storage/core/result.ts";
import { canonicalText } from "./canonical.ts";
import { collision } from "./names.ts";
import {
  archiveSchema,
  fileSchema,
  manifestSchema,
  maxAttestations,
  maxCollections,
  maxFiles,
  maxManifestBytes,
  maxSignatures,
  maxSources,
} from "./schema.ts";
import type { Archive, ArchiveFile, Manifest } from "./schema.ts";

export type ManifestCode = "too-large" | "syntax" | "form" | "content" | "not-canonical";

const maxIssues = 5;

/** All files of a manifest, in the order of its collections. */
export function filesOf(manifest: Manifest): ArchiveFile[] {
  return manifest.collections.flatMap(({ files }) => files);
}

/** The bytes that are signed and stored: JSON with sorted keys, without white space (RFC 8785; all numbers are whole). */
export function canonicalBytes(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(canonicalText(manifest));
}

/** The root of the canonical bytes as a piece (R10), which R46 announces. */
export function manifestRoot(bytes: Uint8Array): Hex {
  return toHex(pieceRoot(bytes));
}

type Part = Readonly<Record<string, unknown>>;

const isPart = (value: unknown): value is Part =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function issuesText(at: string, issues: readonly z.core.$ZodIssue[]): string {
  const shown = issues.slice(0, maxIssues).map((issue) => {
    const nested = issue.code === "invalid_union" ? issue.errors.flat()[0] : undefined;
    const path = [...issue.path, ...(nested?.path ?? [])].map((part) =>
      typeof part === "number" ? `[${part}]` : `.${String(part)}`,
    );
    return `${`${at}${path.join("")}`.replace(/^\./, "")}: ${nested?.message ?? issue.message}`;
  });
  const more = issues.length - shown.length;
  return `${shown.join("; ")}${more > 0 ? ` (and ${more} more)` : ""}`;
}

/**
 * Collections without their files, and the files apart: a schema reports every fault of its input, and a stranger's list can have a fault in
 * each of its files. So the files are checked one by one, up to the first fault.
 */
function withoutFiles(manifest: unknown): { readonly head: unknown; readonly files: readonly unknown[][] } {
  const collections = isPart(manifest) ? manifest["collections"] : undefined;
  if (!isPart(manifest) || !Array.isArray(collections)) return { head: manifest, files: [] };
  const files = collections.map((one: unknown): unknown[] =>
    isPart(one) && Array.isArray(one["files"]) ? one["files"] : [],
  );
  const heads = collections.map((one: unknown) =>
    isPart(one) && Array.isArray(one["files"]) ? { ...one, files: [] } : one,
  );
  return { head: { ...manifest, collections: heads }, files };
}

/** The first array of a manifest that is longer than its schema allows: checked before the schema looks at its elements. */
function tooMany(manifest: unknown): string | undefined {
  const limits = { collections: maxCollections, attestations: maxAttestations, dropped: maxFiles };
  for (const [key, most] of Object.entries(limits)) {
    const list = isPart(manifest) ? manifest[key] : undefined;
    if (Array.isArray(list) && list.length > most) {
      return `${key}: expected at most ${most}, actual ${list.length}`;
    }
  }
  return undefined;
}

function parseFiles(lists: readonly unknown[][]): Result<ArchiveFile[][], "form"> {
  const count = lists.reduce((sum, { length }) => sum + length, 0);
  if (count > maxFiles) return reject("form", `files: expected at most ${maxFiles}, actual ${count}`);
  const parsed: ArchiveFile[][] = [];
  for (const [c, list] of lists.entries()) {
    const files: ArchiveFile[] = [];
    for (const [f, value] of list.entries()) {
      const at = `collections[${c}].files[${f}]`;
      const sources = isPart(value) ? value["sources"] : undefined;
      if (Array.isArray(sources) && sources.length > maxSources) {
        return reject("form", `${at}.sources: expected at most ${maxSources}, actual ${sources.length}`);
      }
      const result = fileSchema.safeParse(value);
      if (!result.success) return reject("form", issuesText(at, result.error.issues));
      files.push(result.data);
    }
    parsed.push(files);
  }
  return accept(parsed);
}

/** The first file from which a chain of `derivedFrom` comes back to itself, or leads out of the manifest. */
function derivationFault(files: ReadonlyMap<string, ArchiveFile>): string | undefined {
  const sound = new Set<string>();
  for (const file of files.values()) {
    const chain = new Set<string>();
    for (let one: ArchiveFile | undefined = file; one?.derivedFrom !== undefined && !sound.has(one.name);) {
      const from: string = one.derivedFrom.file;
      if (one.priority !== 0)
        return `${one.name}: expected priority 0 for a derived file, actual ${one.priority}`;
      if (chain.has(one.name)) return `${one.name} is derived from itself`;
      chain.add(one.name);
      one = files.get(from);
      if (one === undefined) return `a file is derived from ${from}, which is not in the manifest`;
    }
    for (const name of chain) sound.add(name);
  }
  return undefined;
}

/** What the schema cannot say; undefined if all holds. */
function contentFault(manifest: Manifest): string | undefined {
  const all = filesOf(manifest);
  const names = collision(all.map(({ name }) => name));
  if (names !== undefined) return names;
  const collections = new Set<string>();
  for (const { name } of manifest.collections) {
    if (collections.has(name)) return `collection ${JSON.stringify(name)} appears twice`;
    collections.add(name);
  }
  const byName = new Map(all.map((file) => [file.name, file]));
  const fault = derivationFault(byName);
  if (fault !== undefined) return fault;
  const gone = new Set<string>();
  for (const { name, root } of manifest.dropped) {
    if (gone.has(name)) return `dropped: ${JSON.stringify(name)} appears twice`;
    if (byName.get(name)?.root === root) return `dropped: ${JSON.stringify(name)} is in the manifest`;
    gone.add(name);
  }
  const about = manifest.attestations.find(
    (one) => one.about !== "manifest" && !byName.has(one.about) && !gone.has(one.about),
  );
  if (about !== undefined)
    return `attestation about ${JSON.stringify(about.about)}, which is not in the manifest`;
  const { edition, previous } = manifest;
  if (edition === 1 && previous !== null) return "edition 1: expected previous null, actual a root";
  if (edition === 1 && gone.size > 0) return "edition 1: expected nothing in dropped";
  if (edition > 1 && previous === null)
    return `edition ${edition}: expected the root of the edition before, actual null`;
  return undefined;
}

/** Checks a parsed JSON value; never throws. */
export function readManifest(value: unknown): Result<Manifest, ManifestCode> {
  const long = tooMany(value);
  if (long !== undefined) return reject("form", long);
  const { head, files } = withoutFiles(value);
  const shell = manifestSchema.safeParse(head);
  if (!shell.success) return reject("form", issuesText("", shell.error.issues));
  const parsed = parseFiles(files);
  if (!parsed.ok) return parsed;
  const collections = shell.data.collections.map((one, i) => ({ ...one, files: parsed.value[i] ?? [] }));
  const manifest = { ...shell.data, collections };
  const fault = contentFault(manifest);
  if (fault !== undefined) return reject("content", fault);
  const { length } = canonicalBytes(manifest);
  return length > maxManifestBytes ? tooLarge(length) : accept(manifest);
}

function tooLarge(bytes: number): Result<never, "too-large"> {
  return reject("too-large", `expected at most ${maxManifestBytes} bytes, actual ${bytes}`);
}

function parsedJson(bytes: Uint8Array): Result<unknown, "syntax"> {
  try {
    return accept(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (error) {
    return reject("syntax", `not JSON: ${(error as Error).message.replaceAll(/\s+/g, " ")}`);
  }
}

/** `archive.json` may have white space and signatures beside the canonical bytes: twice their limit. */
export const maxArchiveBytes = 2 * maxManifestBytes;

/** Reads the bytes of an `archive.json`; never throws. Does not check the signatures. */
export function readArchive(bytes: Uint8Array): Result<Archive, ManifestCode> {
  if (bytes.length > maxArchiveBytes) {
    return reject("too-large", `expected at most ${maxArchiveBytes} bytes, actual ${bytes.length}`);
  }
  const json = parsedJson(bytes);
  if (!json.ok) return json;
  const { value } = json;
  if (!isPart(value)) return reject("form", "expected an object with manifest and signatures");
  const { manifest: given, ...rest } = value;
  if (Array.isArray(rest["signatures"]) && rest["signatures"].length > maxSignatures) {
    return reject(
      "form",
      `signatures: expected at most ${maxSignatures}, actual ${rest["signatures"].length}`,
    );
  }
  const outer = archiveSchema.omit({ manifest: true }).safeParse(rest);
  if (!outer.success) return reject("form", issuesText("", outer.error.issues));
  if (given === undefined) return reject("form", "manifest: expected an object, actual nothing");
  const manifest = readManifest(given);
  if (!manifest.ok) return reject(manifest.code, `manifest: ${manifest.detail}`);
  return accept({ manifest: manifest.value, signatures: outer.data.signatures });
}

/** Reads canonical bytes, as they are stored and fetched as a piece: every other form of the same manifest is refused. */
export function decodeManifest(bytes: Uint8Array): Result<Manifest, ManifestCode> {
  if (bytes.length > maxManifestBytes) return tooLarge(bytes.length);
  const json = parsedJson(bytes);
  if (!json.ok) return json;
  const manifest = readManifest(json.value);
  if (!manifest.ok) return manifest;
  const isCanonical = equalBytes(canonicalBytes(manifest.value), bytes);
  return isCanonical ? manifest : reject("not-canonical", "expected sorted keys and no white space");
}
