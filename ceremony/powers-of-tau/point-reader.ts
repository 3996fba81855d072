/** Points of a file, with errors that say where they are. */
import { PointError } from "../curves.ts";
import type { Group, PointForm, PointG1, PointG2 } from "../curves.ts";
import type { FirstPowers } from "../contribution.ts";
import { keyBytes, secretNames } from "../key-proof.ts";
import type { ContributorKey, SecretName } from "../key-proof.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import { headBytes, pointStart, sectionOf, withForm } from "./layout.ts";
import type { Layout, SectionName } from "./layout.ts";

/** Runs a check of a point; its error names the file and the place. */
export function atPlace<T>(file: string, place: string, byte: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof PointError) throw new CeremonyFileError(`${file}, ${place} at byte ${byte}`, error);
    throw error;
  }
}

/** A point in the subgroup. @throws PointError */
export function checkedPoint<F>(
  group: Group<F>,
  bytes: Uint8Array,
  form: PointForm,
): ReturnType<Group<F>["decode"]> {
  const point = group.decode(bytes, form);
  group.assertInSubgroup(point);
  return point;
}

/** An accumulator in a file: the same for a challenge, a response and a record of a transcript. */
export type Accumulator = {
  readonly source: CeremonySource;
  readonly layout: Layout;
  /** First 64 bytes; undefined in a record. */
  readonly head: Uint8Array | undefined;
  readonly first: FirstPowers;
  /** Undefined in a challenge. */
  readonly key: ContributorKey | undefined;
};

/** A challenge between two responses of which at most the head is read: a challenge of 2^28 powers has 103 GB. */
export type ChallengeHead = {
  readonly source: CeremonySource;
  readonly layout: Layout;
  /** Undefined if no source gives it. */
  readonly head: Uint8Array | undefined;
  readonly first: undefined;
};

/** The form of a response's compressed points: snarkjs sets other flags with BLS12-381. */
async function responseForm(source: CeremonySource, layout: Layout): Promise<Layout> {
  if (layout.form === "uncompressed" || layout.curve.name === "bn254") return layout;
  const { start, pointBytes } = sectionOf(layout, "tauG1");
  const generator = await source.read(start, pointBytes);
  const own = layout.curve.G1.encode(layout.curve.G1.base, "compressed-snarkjs");
  return own.every((byte, i) => byte === generator[i]) ? withForm(layout, "compressed-snarkjs") : layout;
}

async function readFirst(source: CeremonySource, layout: Layout): Promise<FirstPowers> {
  const { curve, form } = layout;
  const read = async <F>(
    group: Group<F>,
    name: SectionName,
    index: number,
  ): Promise<ReturnType<Group<F>["decode"]>> => {
    const section = sectionOf(layout, name);
    const start = pointStart(section, index);
    const bytes = await source.read(start, section.pointBytes);
    return atPlace(source.name, `point ${index} of ${name}`, start, () => checkedPoint(group, bytes, form));
  };
  const refuse = (name: SectionName): never => {
    throw new CeremonyFileError(`${source.name}, point 0 of ${name}`, {
      expected: `the generator of ${curve.name}`,
      actual: "another point",
    });
  };
  if (!(await read(curve.G1, "tauG1", 0)).equals(curve.G1.base)) refuse("tauG1");
  if (!(await read(curve.G2, "tauG2", 0)).equals(curve.G2.base)) refuse("tauG2");
  return {
    tauG1: await read(curve.G1, "tauG1", 1),
    tauG2: await read(curve.G2, "tauG2", 1),
    alphaG1: await read(curve.G1, "alphaTauG1", 0),
    betaG1: await read(curve.G1, "betaTauG1", 0),
    betaG2: await read(curve.G2, "betaG2", 0),
  };
}

async function readKey(source: CeremonySource, { curve }: Layout, start: number): Promise<ContributorKey> {
  const bytes = await source.read(start, keyBytes(curve));
  let at = 0;
  const next = <F>(group: Group<F>, place: string): ReturnType<Group<F>["decode"]> => {
    const length = group.bytesOf("uncompressed");
    const own = bytes.subarray(at, at + length);
    const byte = start + at;
    at += length;
    return atPlace(source.name, `the key's ${place}`, byte, () => checkedPoint(group, own, "uncompressed"));
  };
  const pairs = secretNames.map((name): [SecretName, { s: PointG1; sx: PointG1 }] => {
    const s = next(curve.G1, `${name} s`);
    return [name, { s, sx: next(curve.G1, `${name} sx`) }];
  });
  const entries = pairs.map(([name, pair]) => {
    const spx: PointG2 = next(curve.G2, `${name} spx`);
    return [name, { ...pair, spx }] as const;
  });
  return Object.fromEntries(entries) as ContributorKey;
}

/**
 * Reads head, first powers and key: less than 4 KiB.
 * @param place layout with the offsets of this accumulator; its size was checked
 * @throws CeremonyFileError for a point that is not one of its group
 */
export async function readAccumulator(source: CeremonySource, place: Layout): Promise<Accumulator> {
  const layout = await responseForm(source, place);
  const head = layout.kind === "record" ? undefined : await source.read(0, headBytes);
  const first = await readFirst(source, layout);
  const key = layout.keyStart === undefined ? undefined : await readKey(source, layout, layout.keyStart);
  return { source, layout, head, first, key };
}
