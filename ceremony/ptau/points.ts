/** Sections 2 to 6 of a `.ptau` file: the powers themselves, and whether they are those of the last contribution. */
import { blake2b } from "@noble/hashes/blake2.js";
import { PointError } from "../curves.ts";
import type { Curve, Group } from "../curves.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonySource } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { montgomeryPoint } from "../section-reader.ts";
import { sectionOf } from "../sections.ts";
import type { Section } from "../sections.ts";
import { randomWeights } from "../weights.ts";
import { hashBytes } from "./contributions.ts";
import type { PtauContribution } from "./contributions.ts";

type Point<F> = ReturnType<Group<F>["decode"]>;
type Hasher = ReturnType<typeof blake2b.create>;

export type PointProgress = (done: number, total: number) => void | Promise<void>;

export const pointSections = [2, 3, 4, 5, 6] as const;
type Id = (typeof pointSections)[number];

const names: Readonly<Record<Id, string>> = {
  2: "powers of tau in G1",
  3: "powers of tau in G2",
  4: "powers of tau times alpha",
  5: "powers of tau times beta",
  6: "beta in G2",
};

/** Points that are in memory at once; a multi-scalar multiplication of this many is near the best rate. */
const chunkPoints = 4096;

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

class PointsOf<F> {
  readonly #curve: Curve;
  readonly #group: Group<F>;
  readonly #source: CeremonySource;
  readonly #section: Section;
  readonly #pointBytes: number;

  constructor(curve: Curve, group: Group<F>, source: CeremonySource, section: Section) {
    this.#curve = curve;
    this.#group = group;
    this.#source = source;
    this.#section = section;
    this.#pointBytes = group.bytesOf("uncompressed");
  }

  get count(): number {
    return this.#section.bytes / this.#pointBytes;
  }

  /** Points from index `from` on, each on the curve and in the subgroup. @throws CeremonyFileError */
  async read(from: number, count: number): Promise<Point<F>[]> {
    const size = this.#pointBytes;
    const bytes = await this.#source.read(this.#section.start + from * size, count * size);
    return Array.from({ length: count }, (_, i) => {
      try {
        const point = montgomeryPoint(this.#curve, this.#group, bytes.subarray(i * size, (i + 1) * size));
        this.#group.assertInSubgroup(point);
        return point;
      } catch (error) {
        if (!(error instanceof PointError)) throw error;
        throw new CeremonyFileError(
          `${this.#source.name}: section ${this.#section.id}: point ${from + i}`,
          error,
        );
      }
    });
  }

  /**
   * Random sums over all neighbours: of the first of each two, and of the second. If every point is the one before times tau, they have the
   * ratio tau; otherwise hardly ever.
   */
  async sums(
    hasher: Hasher,
    onChunk: (points: number) => Promise<void>,
  ): Promise<readonly [Point<F>, Point<F>]> {
    const group = this.#group;
    let [first, second] = [group.zero, group.zero];
    let last: Point<F> | undefined;
    for (let at = 0; at < this.count; at += chunkPoints) {
      const points = await this.read(at, Math.min(chunkPoints, this.count - at));
      for (const point of points) hasher.update(group.encode(point, "uncompressed"));
      const chain: Point<F>[] = last ? [last, ...points] : points;
      const weights = randomWeights(chain.length - 1);
      first = first.add(group.sumOfProducts(chain.slice(0, -1), weights));
      second = second.add(group.sumOfProducts(chain.slice(1), weights));
      last = points.at(-1);
      await onChunk(points.length);
    }
    return [first, second];
  }
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
    const points = await new PointsOf(curve, group, source, sections.get(id) as Section).read(
      0,
      expected.length,
    );
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

/** Reads every point once: curve, subgroup, the chain of powers, and the hash over all of them. Constant memory. */
export async function checkAllPoints(
  curve: Curve,
  source: CeremonySource,
  sections: ReadonlyMap<Id, Section>,
  last: PtauContribution,
  onProgress?: PointProgress,
): Promise<AllPoints> {
  const { G1, G2 } = curve;
  const checks = new Map<string, boolean>();
  const hasher = blake2b.create({ dkLen: hashBytes }).update(last.responseHash);
  const part = <F>(group: Group<F>, id: Id): PointsOf<F> =>
    new PointsOf(curve, group, source, sections.get(id) as Section);
  const parts = { 2: part(G1, 2), 3: part(G2, 3), 4: part(G1, 4), 5: part(G1, 5), 6: part(G2, 6) } as const;
  const total = Object.values(parts).reduce((sum, { count }) => sum + count, 0);
  let done = 0;
  const onChunk = async (points: number): Promise<void> => {
    done += points;
    await onProgress?.(done, total);
  };
  for (const id of [2, 3, 4, 5] as const) {
    const isPowers =
      id === 3
        ? sameRatio(curve, [G1.base, last.tauG1], await parts[id].sums(hasher, onChunk))
        : sameRatio(curve, await parts[id].sums(hasher, onChunk), [G2.base, last.tauG2]);
    checks.set(`in section ${id} (${names[id]}) every point is the one before times tau`, isPowers);
  }
  for (const point of await parts[6].read(0, 1)) hasher.update(G2.encode(point, "uncompressed"));
  await onChunk(1);
  return { checks, challenge: hasher.digest() };
}
