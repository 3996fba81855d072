/**
 * The witness chain of an archive: heads, first powers and keys of its Powers of Tau files, put in the ceremony's order. A file's head is the
 * BLAKE2b-512 of the file before it, so the hashes that a manifest states give the order; numbers in names join what no hash joins.
 */
import { toHex } from "../../storage/core/bytes.ts";
import type { Hex } from "../../protocol/hash.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import type { ChainFile } from "./chain.ts";
import { headBytes, layoutOfSize } from "./layout.ts";
import type { Layout } from "./layout.ts";
import { readAccumulator } from "./point-reader.ts";

/** A file of an archive, as its manifest describes it. */
export type ArchivedFile = {
  /** With the hash that the manifest states. */
  readonly source: CeremonySource & { readonly statedHash: Uint8Array };
  /** Name of the file from which this one can be computed. */
  readonly derivedFrom: string | undefined;
};

/** A file with its head. */
export type Witness = ArchivedFile & {
  readonly layout: Layout;
  /** Undefined if no source gives the file. */
  readonly head: Uint8Array | undefined;
};

export type WitnessOrder = {
  readonly files: readonly Witness[];
  /** Sentences: what the hashes do not show of the order. */
  readonly notChecked: readonly string[];
};

/** The layout of a challenge or a response of the file's size. @throws CeremonyFileError */
function archivedLayout({ source: { name, size } }: ArchivedFile): Layout {
  const layout = layoutOfSize(size);
  if (layout !== undefined) return layout;
  throw new CeremonyFileError(`${name}: size in the manifest`, {
    expected: "the size of a challenge or a response of 2^p powers",
    actual: `${size} bytes`,
  });
}

const formOf = ({ curve, power }: Layout): string => `${curve.name} with 2^${power} powers`;

/** @throws CeremonyFileError if the files are of more than one ceremony, or two of them are the same */
function assertOne(files: readonly ArchivedFile[]): void {
  const [head] = files;
  const byHash = new Map<Hex, string>();
  for (const file of files) {
    const { name, statedHash } = file.source;
    const [form, actual] = [formOf(archivedLayout(head ?? file)), formOf(archivedLayout(file))];
    if (head && form !== actual)
      throw new CeremonyFileError(`${name}: another ceremony than that of ${head.source.name}`, {
        expected: form,
        actual,
      });
    const same = byHash.get(toHex(statedHash));
    if (same !== undefined)
      throw new CeremonyFileError(`${name}: its BLAKE2b-512 in the manifest`, {
        expected: "another one for each file",
        actual: `the one of ${same}`,
      });
    byHash.set(toHex(statedHash), name);
  }
}

/** For each file the one that it continues, by its head, or for a challenge that no source gives by what it is derived from. */
function predecessors(files: readonly Witness[]): ReadonlyMap<Witness, Witness> {
  const byHash = new Map(files.map((file) => [toHex(file.source.statedHash), file]));
  const byName = new Map(files.map((file) => [file.source.name, file]));
  const before = new Map<Witness, Witness>();
  const next = new Map<Witness, Witness>();
  for (const file of files) {
    const own = file.head ? byHash.get(toHex(file.head)) : byName.get(file.derivedFrom ?? "");
    // A head that names a file of its own kind is no link: the check of the chain says so.
    if (own === undefined || own.layout.kind === file.layout.kind) continue;
    const other = next.get(own);
    if (other !== undefined)
      throw new CeremonyFileError(`${file.source.name} and ${other.source.name} continue the same file`, {
        expected: `one file after ${own.source.name}`,
        actual: "two",
      });
    next.set(own, file);
    before.set(file, own);
  }
  return before;
}

/** Files that their heads join, each list in order. @throws CeremonyFileError if heads lead around in a circle */
function segmentsOf(files: readonly Witness[]): readonly (readonly Witness[])[] {
  const before = predecessors(files);
  const next = new Map([...before].map(([file, own]) => [own, file]));
  const segments = files
    .filter((file) => !before.has(file))
    .map((first) => {
      const segment = [first];
      for (let file = next.get(first); file !== undefined; file = next.get(file)) segment.push(file);
      return segment;
    });
  const placed = new Set(segments.flat());
  const circular = files.find((file) => !placed.has(file));
  if (circular === undefined) return segments;
  throw new CeremonyFileError(`${circular.source.name}: heads and hashes lead back to it`, {
    expected: "a chain of files with a first one",
    actual: "a circle",
  });
}

/** Its place by the number in its name: the challenge of a number comes before the response. Undefined without a number. */
function placeByName({ source: { name }, layout }: Witness): number | undefined {
  const base = name.split("/").at(-1) ?? name;
  const digits = /(?:challenge|response)\D*(\d{1,9})/i.exec(base)?.[1] ?? /(\d{1,9})/.exec(base)?.[1];
  return digits === undefined ? undefined : 2 * Number(digits) + (layout.kind === "challenge" ? 0 : 1);
}

function placed(segments: readonly (readonly Witness[])[]): readonly Witness[] {
  const places = segments.map((segment) => {
    const [first, last] = [segment[0] as Witness, segment.at(-1) as Witness];
    const [from, to] = [placeByName(first), placeByName(last)];
    if (from !== undefined && to !== undefined) return { segment, first, last, from, to };
    throw new CeremonyFileError(`${(from === undefined ? first : last).source.name}: place in the ceremony`, {
      expected: "a head that is the hash of another file, or a number in the name",
      actual: "neither",
    });
  });
  places.sort((a, b) => a.from - b.from);
  for (const [i, own] of places.entries()) {
    const before = places[i - 1];
    if (before === undefined || before.to < own.from) continue;
    throw new CeremonyFileError(`${own.first.source.name}: place in the ceremony`, {
      expected: `a number after that of ${before.last.source.name}, or a head that is its hash`,
      actual: "neither: the files seem to be of two ceremonies",
    });
  }
  return places.flatMap(({ segment }) => segment);
}

/**
 * Puts files in the order of their ceremony.
 * @throws CeremonyFileError if neither hashes nor names give the order
 */
export function orderWitnesses(files: readonly Witness[]): WitnessOrder {
  const segments = segmentsOf(files);
  if (segments.length <= 1) return { files: segments.flat(), notChecked: [] };
  const ordered = placed(segments);
  const starts = new Set(segments.map(([first]) => first));
  const [, ...joined] = ordered.filter((file) => starts.has(file));
  const names = joined.slice(0, 3).map(({ source: { name } }) => name);
  const more = joined.length > names.length ? ` and ${joined.length - names.length} more` : "";
  return {
    files: ordered,
    notChecked: [
      `the order of ${names.join(", ")}${more}: no head joins them to the file before, so the numbers in the names give it`,
    ],
  };
}

async function readWitness(file: ArchivedFile, isMissing: (error: unknown) => boolean): Promise<Witness> {
  const layout = archivedLayout(file);
  try {
    return { ...file, layout, head: await file.source.read(0, headBytes) };
  } catch (error) {
    // The response before it is enough to compute it, and the response after it has its hash.
    if (layout.kind === "challenge" && isMissing(error)) return { ...file, layout, head: undefined };
    throw error;
  }
}

/**
 * Reads the heads of one ceremony's files.
 * @param isMissing whether a source's `read` threw because nobody has the file: of a challenge that is no fault
 * @throws CeremonyFileError if the files are of more than one ceremony; then nothing was read
 */
export async function readWitnesses(
  files: readonly ArchivedFile[],
  isMissing: (error: unknown) => boolean,
): Promise<readonly Witness[]> {
  assertOne(files);
  const witnesses: Witness[] = [];
  for (const file of files) witnesses.push(await readWitness(file, isMissing));
  return witnesses;
}

/**
 * The files of a chain in their order. Of a challenge between two responses the head alone is read; a challenge at either end that no source
 * gives is left out.
 * @throws CeremonyFileError for a point that is not one of its group, and if nothing is left
 */
export async function openWitnesses(
  files: readonly Witness[],
): Promise<{ readonly files: readonly [ChainFile, ...ChainFile[]]; readonly notChecked: readonly string[] }> {
  const isGiven = ({ head }: Witness): boolean => head !== undefined;
  const [begin, end] = [files.findIndex(isGiven), files.findLastIndex(isGiven)];
  const left = files.filter((_, i) => i < begin || i > end || begin === -1);
  const opened: ChainFile[] = [];
  for (const [i, file] of files.entries()) {
    if (i < begin || i > end || begin === -1) continue;
    const { source, layout, head } = file;
    const isBetween = layout.kind === "challenge" && i > begin && i < end;
    opened.push(
      isBetween ? { source, layout, head, first: undefined } : await readAccumulator(source, layout),
    );
  }
  const [first, ...rest] = opened;
  if (first === undefined)
    throw new CeremonyFileError("files of the ceremony", {
      expected: "at least one that a source gives",
      actual: "none",
    });
  return {
    files: [first, ...rest],
    notChecked: left.map(({ source: { name } }) => `${name}: no source gives it`),
  };
}
