/** Changes what a manifest says about files whose bytes stay as they are: the next edition, without its time. */
import { filesOf } from "./manifest.ts";
import { matchesName, nameFrom } from "./names.ts";
import type { ArchiveFile, FileSource, Manifest } from "./schema.ts";

export type Description = {
  /** Patterns of names, with * for any characters. */
  readonly files: readonly string[];
  readonly priority?: number;
  /** Template of the name of the file from which each can be computed (`nameFrom`), and how; null: it cannot be computed. */
  readonly derivedFrom?: { readonly file: string; readonly by: string } | null;
  readonly licence?: string;
  /** Added to those that a file has. */
  readonly sources?: readonly FileSource[];
};

export type Described = {
  readonly collections: Manifest["collections"];
  /** Names of the files that the patterns choose. */
  readonly chosen: readonly string[];
  /** Patterns that fit no file. */
  readonly idle: readonly string[];
  /** Files that are not derived now, though the description says so: the file from which they would be computed is not in the manifest. */
  readonly notDerived: readonly string[];
};

const key = (source: FileSource): string => JSON.stringify(source);

function withSources(file: ArchiveFile, sources: readonly FileSource[]): ArchiveFile["sources"] {
  const known = new Set(file.sources.map(key));
  return [...file.sources, ...sources.filter((source) => !known.has(key(source)))];
}

function described(file: ArchiveFile, change: Description, names: ReadonlySet<string>): ArchiveFile {
  const { derivedFrom: before, ...rest } = file;
  const { priority, licence, sources = [], derivedFrom } = change;
  const changed = {
    ...rest,
    priority: priority ?? file.priority,
    ...(licence === undefined ? {} : { licence }),
    sources: withSources(file, sources),
  };
  if (derivedFrom === null) return changed;
  const from = derivedFrom && nameFrom(derivedFrom.file, file.name);
  if (derivedFrom === undefined || from === undefined || !names.has(from))
    return before === undefined ? changed : { ...changed, derivedFrom: before };
  // Who needs it can compute it: it is stored last.
  return { ...changed, priority: 0, derivedFrom: { file: from, by: derivedFrom.by } };
}

export function describeFiles(manifest: Manifest, change: Description): Described {
  const all = filesOf(manifest);
  const names = new Set(all.map(({ name }) => name));
  const isChosen = ({ name }: ArchiveFile): boolean =>
    change.files.some((pattern) => matchesName(pattern, name));
  const collections = manifest.collections.map((one) => ({
    ...one,
    files: one.files.map((file) => (isChosen(file) ? described(file, change, names) : file)),
  }));
  const chosen = all.filter(isChosen);
  const { derivedFrom } = change;
  const isMissing = ({ name }: ArchiveFile): boolean => {
    const from = derivedFrom ? nameFrom(derivedFrom.file, name) : undefined;
    return from === undefined || !names.has(from);
  };
  return {
    collections,
    chosen: chosen.map(({ name }) => name),
    idle: change.files.filter((pattern) => !all.some(({ name }) => matchesName(pattern, name))),
    notDerived: derivedFrom ? chosen.filter(isMissing).map(({ name }) => name) : [],
  };
}
