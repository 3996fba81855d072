/** Powers of one secret in both groups. */
import type { PointG1, PointG2 } from "../curves.ts";
import { sameRatio } from "../same-ratio.ts";
import { randomWeights } from "../weights.ts";
import type { Field } from "./json.ts";
import { curve, pointG1, pointG2 } from "./points.ts";

export type KzgPowers = { readonly g1: readonly PointG1[]; readonly g2: readonly PointG2[] };

export type PowersProgress = (done: number, total: number) => void | Promise<void>;

/** Points between two calls of `onProgress`. */
const pointsPerStep = 1024;

async function readAll<P>(
  fields: readonly Field[],
  read: (field: Field) => P,
  onProgress?: PowersProgress,
): Promise<P[]> {
  const out: P[] = [];
  for (const field of fields) {
    out.push(read(field));
    if (out.length % pointsPerStep === 0 || out.length === fields.length)
      await onProgress?.(out.length, fields.length);
  }
  return out;
}

/** Every point on the curve and in the subgroup. @throws CeremonyFileError */
export async function readPowers(
  g1: readonly Field[],
  g2: readonly Field[],
  onProgress?: PowersProgress,
): Promise<KzgPowers> {
  return { g1: await readAll(g1, pointG1, onProgress), g2: await readAll(g2, pointG2) };
}

/** The checks of a set of powers, by a sentence that says what holds. @param name of the set, for the sentences */
export function checkPowers({ g1, g2 }: KzgPowers, name: string): ReadonlyMap<string, boolean> {
  const { G1, G2 } = curve;
  const weights = randomWeights(g1.length - 1);
  const sums = [g1.slice(0, -1), g1.slice(1)].map((points) => G1.sumOfProducts(points, weights));
  const [tauG1, tauG2] = [g1[1] as PointG1, g2[1] as PointG2];
  const others = randomWeights(g2.length - 1);
  const sumsG2 = [g2.slice(0, -1), g2.slice(1)].map((points) => G2.sumOfProducts(points, others));
  return new Map([
    [`${name} begin with the generators`, g1[0]?.equals(G1.base) === true && g2[0]?.equals(G2.base) === true],
    [
      `of ${name} in G1 every point is the one before times tau`,
      sameRatio(curve, sums as [PointG1, PointG1], [G2.base, tauG2]),
    ],
    [
      `of ${name} in G2 every point is the one before times tau`,
      sameRatio(curve, [G1.base, tauG1], sumsG2 as [PointG2, PointG2]),
    ],
  ]);
}
