/** `trusted_setup.json`: the powers of one set, also in the Lagrange form that clients use. It does not say who made them. */
import type { PointG1 } from "../curves.ts";
import { newFindings } from "../findings.ts";
import type { CeremonyReport } from "../report.ts";
import { randomWeights } from "../weights.ts";
import type { Field } from "./json.ts";
import { curve, pointG1 } from "./points.ts";
import { checkPowers, readPowers } from "./powers.ts";
import type { PowersProgress } from "./powers.ts";

/** A generator of the multiplicative group of the scalar field. */
const generator = 7n;
/** The largest set of the ceremony has 2^15 powers. */
const maxPowers = 2 ** 15;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % curve.order;
    square = (square * square) % curve.order;
  }
  return result;
}

/** Values of the polynomial at the powers of `root`, whose order is the number of coefficients. */
function transform(coefficients: readonly bigint[], root: bigint): bigint[] {
  const { order } = curve;
  const half = coefficients.length / 2;
  if (half < 1) return [...coefficients];
  const [even, odd] = [0, 1].map((parity) =>
    transform(
      coefficients.filter((_, i) => i % 2 === parity),
      (root * root) % order,
    ),
  ) as [bigint[], bigint[]];
  const out = Array.from({ length: 2 * half }, () => 0n);
  let factor = 1n;
  for (let i = 0; i < half; i++) {
    const product = (factor * (odd[i] as bigint)) % order;
    out[i] = ((even[i] as bigint) + product) % order;
    out[i + half] = ((even[i] as bigint) + order - product) % order;
    factor = (factor * root) % order;
  }
  return out;
}

/**
 * Whether point i is the i-th Lagrange polynomial at tau. For random values w the sum of w_i times point i is the polynomial with these
 * values at tau; its coefficients come from the inverse transform.
 */
export function isLagrange(lagrange: readonly PointG1[], monomial: readonly PointG1[]): boolean {
  const { order, G1 } = curve;
  const count = BigInt(monomial.length);
  const values = randomWeights(monomial.length);
  const inverseRoot = power(generator, order - 1n - (order - 1n) / count);
  const scale = power(count, order - 2n);
  const coefficients = transform(values, inverseRoot).map((value) => (value * scale) % order);
  return G1.sumOfProducts(lagrange, values).equals(G1.sumOfProducts(monomial, coefficients));
}

/** @throws CeremonyFileError if a list is missing or has another length, or a text is no point of the subgroup */
export async function inspectSetup(
  root: Field,
  { onPoints }: { readonly onPoints?: PowersProgress },
): Promise<CeremonyReport> {
  const monomial = root.get("g1_monomial");
  const list = monomial.list();
  const count = list.length;
  if (count < 2 || count > maxPowers || (count & (count - 1)) !== 0)
    throw monomial.refuse(`a list of 2 to ${maxPowers}, a power of two`, `${count}`);
  const lagrange = root.get("g1_lagrange").list(count);
  const second = root.get("g2_monomial");
  const listG2 = second.list();
  if (listG2.length < 2 || listG2.length > count)
    throw second.refuse(`a list of 2 to ${count}`, `${listG2.length}`);
  const powers = await readPowers(list, listG2, (done) => onPoints?.(done, 2 * count));
  const points: PointG1[] = [];
  for (const field of lagrange) points.push(pointG1(field));
  await onPoints?.(2 * count, 2 * count);
  const findings = newFindings();
  const checks = [
    ...checkPowers(powers, "the powers"),
    ["the Lagrange form belongs to the powers", isLagrange(points, powers.g1)] as const,
  ];
  for (const [sentence, holds] of checks) {
    findings.checked.push(sentence);
    if (!holds) findings.problems.push(`expected that ${sentence}, actual: it is not so`);
  }
  findings.notChecked.push(
    "who made the powers: the file has no contributions, the ceremony's transcript has them",
  );
  return {
    kind: "kzg-ceremony",
    curve: "bls12-381",
    power: Math.log2(count),
    contributions: [],
    beacon: undefined,
    ...findings,
    ok: findings.problems.length === 0,
  };
}
