/**
 * The hash lists that ceremonies publish: `sha256sum` and `b2sum` lists; READMEs and attestations with BLAKE2b in four rows of hex and the name
 * or URL of the file before it; URLs that end with the BLAKE2b hash of what they lead to.
 */
import type { Hex } from "../protocol/hash.ts";

export type PublishedHash = {
  readonly algorithm: "blake2b" | "sha256";
  readonly digest: Hex;
  /** Name of the file as the list has it, if it names one. */
  readonly file: string | undefined;
  /** A list of `sha256sum` names the files beside it; the words before four rows of hex may mean another file. */
  readonly isBinding: boolean;
};

/** Longer files are no lists. */
export const maxListBytes = 4 * 1024 * 1024;

const listNames = [
  /(^|\/)[^/]*(readme|report|attestation|hashes)[^/]*$/i,
  /sums?(\.txt|\.asc)?$/i,
  /\.(asc|b2|sha256|blake2b)$/i,
];

/** Whether a file's name says that it may hold published hashes. */
export function isListName(name: string): boolean {
  return listNames.some((pattern) => pattern.test(name));
}

const coreutils = /^([0-9a-f]{64}|[0-9a-f]{128}) [ *](.+)$/i;
const bsd = /^(SHA256|SHA2-256|BLAKE2b(?:-512)?) \((.+)\) = ([0-9a-f]{64}|[0-9a-f]{128})$/i;
const row = /(?:^|\s)((?:[0-9a-f]{8} ){3}[0-9a-f]{8})\s*$/i;
const rowsOfDigest = 4;
const hashUrl = /https?:\/\/[^\s<>()"'`]*\/([0-9a-f]{128})(?![0-9a-f])/gi;
const anyUrl = /https?:\/\/[^\s<>()"'`]+/g;

const hex = (digits: string): Hex => `0x${digits.toLowerCase()}`;

function fromLine(line: string, isSha512: boolean): PublishedHash | undefined {
  const [, tag, tagged, value] = bsd.exec(line) ?? [];
  const [, plain, named] = coreutils.exec(line) ?? [];
  const digits = value ?? plain;
  const file = tagged ?? named;
  if (digits === undefined || file === undefined) return undefined;
  const algorithm = digits.length === 64 ? "sha256" : "blake2b";
  const isOther =
    tag === undefined ? isSha512 && algorithm === "blake2b" : /^sha/i.test(tag) !== (algorithm === "sha256");
  // SHA-512 has as many digits as BLAKE2b-512: only the name of the list tells them apart.
  if (isOther) return undefined;
  return { algorithm, digest: hex(digits), file: file.replace(/^\.\//, ""), isBinding: true };
}

/** The file that the words before a hash mean: the last part of a URL, or `challenge`, `response`, `new_challenge`. */
function fileOfWords(words: readonly string[]): string | undefined {
  for (const line of words.toReversed()) {
    const url = line.match(anyUrl)?.at(-1);
    const last = url?.split(/[?#]/)[0]?.split("/").at(-1);
    if (last !== undefined && last !== "") return last.replace(/[.,]$/, "");
    const quoted = /`(?:\.\/)?([\w.-]+)`/.exec(line)?.[1];
    if (quoted !== undefined) return quoted;
  }
  return undefined;
}

function fromRows(lines: readonly string[]): PublishedHash[] {
  const found: PublishedHash[] = [];
  let digits = "";
  let rows = 0;
  let words: string[] = [];
  for (const line of lines) {
    const match = row.exec(line.replaceAll("\t", " "));
    if (match === null) {
      if (rows > 0) [digits, rows, words] = ["", 0, []];
      if (/[a-z]/i.test(line) && !line.startsWith("```")) words.push(line);
      continue;
    }
    digits += (match[1] ?? "").replaceAll(" ", "");
    rows++;
    if (rows < rowsOfDigest) continue;
    const isBasis = words.at(-1)?.includes("based on") === true;
    const file = isBasis ? undefined : fileOfWords(words.slice(-1));
    found.push({ algorithm: "blake2b", digest: hex(digits), file, isBinding: false });
    [digits, rows, words] = ["", 0, []];
  }
  return found;
}

/** All hashes of a list, each once. @param name of the list, which tells SHA-512 from BLAKE2b */
export function publishedHashes(name: string, text: string): PublishedHash[] {
  const isSha512 = /sha-?512/i.test(name);
  const lines = text.split(/\r?\n/);
  const all = lines.flatMap((line) => fromLine(line.trim(), isSha512) ?? []);
  all.push(...fromRows(lines));
  for (const [, digits = ""] of text.matchAll(hashUrl)) {
    all.push({ algorithm: "blake2b", digest: hex(digits), file: digits, isBinding: true });
  }
  return [...new Map(all.map((one) => [`${one.digest} ${one.file ?? ""}`, one])).values()];
}

export type HashedName = { readonly name: string; readonly blake2b: Hex; readonly sha256: Hex };

export type ListVerdict = {
  /** Published hashes that a file has. */
  readonly confirmed: readonly { readonly list: string; readonly file: string; readonly algorithm: string }[];
  /** A list names a file with another hash. */
  readonly wrong: readonly {
    readonly list: string;
    readonly file: string;
    readonly algorithm: string;
    readonly expected: Hex;
    readonly actual: Hex;
  }[];
  /** Published hashes that no file has: the file is missing, or is another one. */
  readonly missing: readonly {
    readonly list: string;
    readonly file: string | undefined;
    readonly digest: Hex;
  }[];
};

const folderOf = (name: string): string => name.slice(0, name.lastIndexOf("/") + 1);
const baseOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

/**
 * Compares hashes with published ones. A hash that some file has is confirmed. Else the file that the list names is wrong: beside the list by
 * its path, or, if only one has it, anywhere by its last part. The word `challenge` names no file of that name but in the list's folder.
 */
export function compareLists(
  files: readonly HashedName[],
  lists: readonly { readonly name: string; readonly hashes: readonly PublishedHash[] }[],
): ListVerdict {
  const byHash = new Map(
    files.flatMap((file) => [[file.blake2b, file] as const, [file.sha256, file] as const]),
  );
  const byName = new Map(files.map((file) => [file.name, file]));
  const byBase = Map.groupBy(files, ({ name }) => baseOf(name));
  const confirmed: ListVerdict["confirmed"][number][] = [];
  const wrong: ListVerdict["wrong"][number][] = [];
  const missing: ListVerdict["missing"][number][] = [];
  for (const { name: list, hashes } of lists) {
    for (const { algorithm, digest, file, isBinding } of hashes) {
      const named = file === undefined ? undefined : byName.get(folderOf(list) + file);
      const alone = file === undefined ? undefined : byBase.get(baseOf(file));
      const meant = named ?? (alone?.length === 1 ? alone[0] : undefined);
      const holder = byHash.get(digest);
      if (meant !== undefined && meant[algorithm] !== digest && (isBinding || holder === undefined)) {
        wrong.push({ list, file: meant.name, algorithm, expected: digest, actual: meant[algorithm] });
      } else if (holder !== undefined) confirmed.push({ list, file: (meant ?? holder).name, algorithm });
      else missing.push({ list, file, digest });
    }
  }
  return { confirmed, wrong, missing };
}
