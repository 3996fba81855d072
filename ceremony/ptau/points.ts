/** Sections 2 to 6 of a `.ptau` file: the powers themselves, and whether they are those of the last contribution. */
import type { Curve, Group } from "../curves.ts";
import type { Section as StreamSection } from "../powers-of-tau/layout.ts";
import { atPlace } from "../powers-of-tau/point-reader.ts";
import { successorSums } from "../powers-of-tau/point-stream.ts";
import type { PointFile, Tools } from "../powers-of-tau/point-stream.ts";
import type { CeremonySource } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { montgomeryPoint } from "../section-reader.ts";
import { sectionOf } from "../sections.ts";
import type { Section } from "../sections.ts";
import type { PtauContribution } from "./contributions.ts";

type Point<F> = ReturnType<Group<F>["decode"]>;

export const pointSections = [2, 3, 4, 5, 6] as const;
type Id = (typeof pointSections)[number];

const names: Readonly<Record<Id, string>> = {
  2: "powers of tau in G1",
  3: "powers of tau in G2",
  4: "powers of tau times alpha",
  5: "powers of tau times beta",
  6: "beta in G2",
};

function countOf(id: Id, power: number): number {
  const powers = 2 ** power;
  return { 2: 2 * powers - 1, 3: powers, 4: powers, 5: powers, 6: 1 }[id];
}

/** @throws CeremonyFileError if a section of points is missing or has another size than the power demands */
export function sectionsOfPoints(
  source: CeremonySource,
  sections: ReadonlyMap<number, Section>,
  curve: Curve,
  power: number,
): ReadonlyMap<Id, Section> {
  return new Map(
    pointSections.map((id) => {
      const group = id === 3 || id === 6 ? curve.G2 : curve.G1;
      return [id, sectionOf(source, sections, id, countOf(id, power) * group.bytesOf("uncompressed"))];
    }),
  );
}

/** Points for phase 2: for each power up to the file's the Lagrange form, in section 12 one power more; one point is left out there. */
const lagrangeSections = [12, 13, 14, 15] as const;

/**
 * Sections 12 to 15: all or none, with the sizes that the power demands.
 * @returns whether the file has them
 * @throws CeremonyFileError
 */
export function checkLagrangeSections(
  source: CeremonySource,
  sections: ReadonlyMap<number, Section>,
  { G1, G2 }: Curve,
  power: number,
): boolean {
  if (!lagrangeSections.some((id) => sections.has(id))) return false;
  for (const id of lagrangeSections) {
    const points = 2 ** (power + (id === 12 ? 2 : 1)) - 1;
    sectionOf(source, sections, id, points * (id === 13 ? G2 : G1).bytesOf("uncompressed"));
  }
  return true;
}

/** The first points of a section, each on the curve and in the subgroup. @throws CeremonyFileError */
async function firstPoints<F>(
  curve: Curve,
  group: Group<F>,
  source: CeremonySource,
  section: Section,
  count: number,
): Promise<Point<F>[]> {
  const size = group.bytesOf("uncompressed");
  const bytes = await source.read(section.start, count * size);
  return Array.from({ length: count }, (_, i) => {
    const own = bytes.subarray(i * size, (i + 1) * size);
    const place = `point ${i} of section ${section.id}`;
    return atPlace(source.name, place, section.start + i * size, () => {
      const point = montgomeryPoint(curve, group, own);
      group.assertInSubgroup(point);
      return point;
    });
  });
}

/** Whether the sections begin with the generators and the last contribution's points. Reads seven points. */
export async function checkFirstPoints(
  curve: Curve,
  source: CeremonySource,
  sections: ReadonlyMap<Id, Section>,
  last: PtauContribution,
): Promise<ReadonlyMap<string, boolean>> {
  const checks = new Map<string, boolean>();
  const compare = async <F>(group: Group<F>, id: Id, expected: readonly Point<F>[]): Promise<void> => {
    const section = sections.get(id) as Section;
    const points = await firstPoints(curve, group, source, section, expected.length);
    const isSame = points.every((point, i) => point.equals(expected[i] as Point<F>));
    checks.set(`the first points of section ${id} (${names[id]}) are those of the last contribution`, isSame);
  };
  const { G1, G2 } = curve;
  await compare(G1, 2, [G1.base, last.tauG1]);
  await compare(G2, 3, [G2.base, last.tauG2]);
  await compare(G1, 4, [last.alphaG1]);
  await compare(G1, 5, [last.betaG1]);
  await compare(G2, 6, [last.betaG2]);
  return checks;
}

export type AllPoints = {
  readonly checks: ReadonlyMap<string, boolean>;
  /** BLAKE2b of the next challenge, from the last response's hash and the points. */
  readonly challenge: Uint8Array;
};

/**
 * Reads every point once: curve, subgroup, the chain of powers, and the hash over all of them. Constant memory, on all cores that the tools have.
 * @throws CeremonyFileError for a point that is not one of its group
 */
export async function checkAllPoints(
  curve: Curve,
  source: CeremonySource,
  sections: ReadonlyMap<Id, Section>,
  last: PtauContribution,
  tools: Tools,
): Promise<AllPoints> {
  const { G1, G2 } = curve;
  const checks = new Map<string, boolean>();
  const hasher = tools.createHash();
  hasher.update(last.responseHash);
  const own = pointSections.map((id): StreamSection => {
    const { start, bytes } = sections.get(id) as Section;
    const group = id === 3 || id === 6 ? "G2" : "G1";
    const pointBytes = curve[group].bytesOf("uncompressed");
    return { name: `section ${id}`, group, points: bytes / pointBytes, start, pointBytes };
  });
  const file: PointFile = { source, layout: { curve, form: "montgomery", sections: own } };
  const sums = <F>(group: Group<F>, id: Id): Promise<readonly [Point<F>, Point<F>]> =>
    successorSums(file, group, `section ${id}`, tools, hasher);
  for (const id of [2, 3, 4, 5] as const) {
    const isPowers =
      id === 3
        ? sameRatio(curve, [G1.base, last.tauG1], await sums(G2, 3))
        : sameRatio(curve, await sums(G1, id), [G2.base, last.tauG2]);
    checks.set(`in section ${id} (${names[id]}) every point is the one before times tau`, isPowers);
  }
  for (const point of await firstPoints(curve, G2, source, sections.get(6) as Section, 1))
    hasher.update(G2.encode(point, "uncompressed"));
  return { checks, challenge: Uint8Array.from(hasher.digest()) };
}
