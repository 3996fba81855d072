/**
 * Verifies a phase1radix2mNN file by itself. With n points ω^j of the domain, L_j = H_0 ω^j / (n (τ − ω^j)) and H_0 = τ^n − 1, so one
 * random combination over j binds every point of the basis to τ, and the sum of all L_j, which is 1, binds H_0.
 */
import { bytesToNumberBE } from "@noble/curves/utils.js";
import { shake256 } from "@noble/hashes/sha3.js";
import { concatBytes, randomBytes } from "@noble/hashes/utils.js";
import type { Group, PointG1, PointG2 } from "../curves.ts";
import { scalarBits } from "../multi-scalar.ts";
import { pointStart, sectionOf } from "../powers-of-tau/layout.ts";
import { atPlace, checkedPoint } from "../powers-of-tau/point-reader.ts";
import { sectionSums, successorSums } from "../powers-of-tau/point-stream.ts";
import type { Chunk, Tools } from "../powers-of-tau/point-stream.ts";
import { CeremonyFileError } from "../report.ts";
import type { CeremonyReport, CeremonySource } from "../report.ts";
import { sameRatio } from "../same-ratio.ts";
import { domainOf, fieldGenerators } from "./domain.ts";
import type { Domain } from "./domain.ts";
import { phase1Layouts } from "./layout.ts";
import type { Phase1Layout, Phase1Section } from "./layout.ts";

type File = { readonly source: CeremonySource; readonly layout: Phase1Layout };
type Singles = { readonly alphaG1: PointG1; readonly betaG1: PointG1; readonly betaG2: PointG2 };

const namedPower = ({ name }: CeremonySource): number | undefined => {
  const text = /phase1radix2m(\d+)/.exec(name)?.[1];
  return text === undefined ? undefined : Number(text);
};

/** A file without a head: its size shows what it is, or its name. */
export function isPhase1(source: CeremonySource): boolean {
  return namedPower(source) !== undefined || phase1Layouts.some(({ size }) => size === source.size);
}

function layoutFor(source: CeremonySource): Phase1Layout {
  const layout = phase1Layouts.find(({ size }) => size === source.size);
  if (layout) return layout;
  const named = phase1Layouts.filter(({ power }) => power === namedPower(source));
  const sizes = named.map(({ size, curve, power }) => `${size} bytes (${curve.name}, 2^${power})`);
  throw new CeremonyFileError(`${source.name}: truncated, or too long`, {
    expected: sizes.join(" or ") || "the size of a domain of 2^1 to 2^32 points",
    actual: `${source.size} bytes`,
  });
}

async function readPoint<F>(
  { source, layout }: File,
  group: Group<F>,
  name: Phase1Section,
): Promise<ReturnType<Group<F>["decode"]>> {
  const section = sectionOf(layout, name);
  const start = pointStart(section, 0);
  const bytes = await source.read(start, section.pointBytes);
  return atPlace(source.name, `point 0 of ${name}`, start, () => checkedPoint(group, bytes, layout.form));
}

/** The random scalars of a chunk's points: the same for each section, so that sums over two sections can be compared. */
class Weights {
  readonly #seed = randomBytes(32);

  of({ first, points }: Pick<Chunk, "first" | "points">): bigint[] {
    const place = new Uint8Array(8);
    new DataView(place.buffer).setBigUint64(0, BigInt(first));
    const bytes = scalarBits / 8;
    const drawn = shake256(concatBytes(this.#seed, place), { dkLen: points * bytes });
    return Array.from({ length: points }, (_, i) =>
      bytesToNumberBE(drawn.subarray(i * bytes, (i + 1) * bytes)),
    );
  }
}

/** Checks the basis in G1 and G2, and the quotients. */
async function checkBasis(
  file: File,
  domain: Domain,
  { alphaG1, betaG1 }: Singles,
  tools: Tools,
): Promise<Record<string, boolean>> {
  const { curve } = file.layout;
  const { G1, G2, order } = curve;
  const n = BigInt(domain.size);
  const weights = new Weights();
  let weightSum = 0n;
  const sums = <F>(
    group: Group<F>,
    name: Phase1Section,
    combine: (chunk: Chunk) => readonly (readonly bigint[])[],
  ): Promise<readonly ReturnType<Group<F>["decode"]>[]> =>
    sectionSums(file, group, name, { overlap: 0, combine }, tools);
  const [total = G1.zero, weighted = G1.zero, turned = G1.zero] = await sums(G1, "lagrangeG1", (chunk) => {
    const own = weights.of(chunk);
    for (const weight of own) weightSum += weight;
    const inverse = domain.inversePowers(chunk.first, chunk.points);
    return [
      own.map(() => 1n),
      own,
      own.map((weight, i) => (((weight * n) % order) * (inverse[i] as bigint)) % order),
    ];
  });
  const [weightedG2 = G2.zero, tauG2 = G2.zero] = await sums(G2, "lagrangeG2", (chunk) => [
    weights.of(chunk),
    domain.powers(chunk.first, chunk.points),
  ]);
  const [weightedAlpha = G1.zero] = await sums(G1, "lagrangeAlphaG1", (chunk) => [weights.of(chunk)]);
  const [weightedBeta = G1.zero] = await sums(G1, "lagrangeBetaG1", (chunk) => [weights.of(chunk)]);
  const vanishing = await readPoint(file, G1, "quotients");
  const right = weighted.multiplyUnsafe(n % order).add(vanishing.multiplyUnsafe(weightSum % order));
  const basis: [PointG2, PointG2] = [G2.base, weightedG2];
  return {
    lagrangeSum: total.equals(G1.base),
    lagrangeG1: sameRatio(curve, [turned, right], [G2.base, tauG2]),
    lagrangeG2: sameRatio(curve, [G1.base, weighted], basis),
    lagrangeAlphaG1: sameRatio(curve, [alphaG1, weightedAlpha], basis),
    lagrangeBetaG1: sameRatio(curve, [betaG1, weightedBeta], basis),
    // With two points there is one quotient, and it has no successor.
    quotients:
      domain.size === 2 ||
      sameRatio(curve, await successorSums(file, G1, "quotients", tools), [G2.base, tauG2]),
  };
}

const meanings: Readonly<Record<string, string>> = {
  betaG2: "β in G1 and in G2: expected the same, actual different secrets",
  lagrangeSum: "the Lagrange basis: expected the generator as the sum of its points, actual another point",
  lagrangeG1: "the Lagrange basis in G1: expected that of τ over the roots of unity, actual another point",
  lagrangeG2: "the Lagrange basis in G2: expected the values of that in G1, actual others",
  lagrangeAlphaG1: "the Lagrange basis times α: expected the basis in G1 times α, actual another point",
  lagrangeBetaG1: "the Lagrange basis times β: expected the basis in G1 times β, actual another point",
  quotients: "the multiples of τ^n − 1: expected successive powers of τ, actual others",
};

/** @throws CeremonyFileError if its size or a point is not that of its format */
export async function verifyPhase1(
  source: CeremonySource,
  { allPoints, tools }: { readonly allPoints: boolean; readonly tools: Tools },
): Promise<CeremonyReport> {
  const layout = layoutFor(source);
  const { curve, power } = layout;
  const { G1, G2, name } = curve;
  const file = { source, layout };
  const singles: Singles = {
    alphaG1: await readPoint(file, G1, "alphaG1"),
    betaG1: await readPoint(file, G1, "betaG1"),
    betaG2: await readPoint(file, G2, "betaG2"),
  };
  const checks: Record<string, boolean> = {
    betaG2: sameRatio(curve, [G1.base, singles.betaG1], [G2.base, singles.betaG2]),
  };
  if (allPoints) {
    for (const generator of fieldGenerators[name]) {
      Object.assign(checks, await checkBasis(file, domainOf(name, power, generator), singles, tools));
      if (checks["lagrangeG1"]) break;
    }
  }
  const problems = Object.entries(checks).flatMap(([check, holds]) =>
    holds ? [] : [`${source.name}: ${meanings[check]}`],
  );
  return {
    kind: "phase1radix2m",
    curve: name,
    power,
    contributions: [],
    beacon: undefined,
    checked: [
      "size and layout, and that β is the same in G1 and in G2",
      ...(allPoints
        ? [
            "all points: on the curve, in the subgroup, not at infinity; the Lagrange basis of one τ, its products with α and β, and the multiples of τ^n − 1",
          ]
        : []),
    ],
    notChecked: [
      "that τ, α and β are those of a ceremony: the file has neither a hash of its last accumulator nor a key",
      ...(allPoints ? [] : ["all points but the first three: read the file with the depth `points`"]),
    ],
    problems,
    ok: problems.length === 0,
  };
}
