/** The domain of a Lagrange basis: the powers of a root of unity in the scalar field. */
import { invert, pow } from "@noble/curves/abstract/modular.js";
import type { CurveName } from "../curves.ts";
import { curves } from "../curves.ts";
import { maxDomainPower } from "./layout.ts";

/**
 * Generators of the scalar field from which implementations take their root: 7 in the Rust crate `pairing`, for both curves; 5 in
 * ffjavascript for BN254. Another root is another order of the same points.
 */
export const fieldGenerators: Readonly<Record<CurveName, readonly bigint[]>> = {
  bn254: [7n, 5n],
  "bls12-381": [7n],
};

export type Domain = {
  /** Number of points. */
  readonly size: number;
  /** root^from, root^(from+1) and so on. */
  powers(from: number, count: number): bigint[];
  /** The same of the root's inverse. */
  inversePowers(from: number, count: number): bigint[];
};

export function domainOf(name: CurveName, power: number, generator: bigint): Domain {
  const { order } = curves[name];
  const most = maxDomainPower[name];
  const root = pow(generator, (order - 1n) >> BigInt(power), order);
  if (power > most) throw new RangeError(`domain: expected at most 2^${most} points, actual 2^${power}`);
  const sequence = (base: bigint, from: number, count: number): bigint[] => {
    const out: bigint[] = [];
    for (let value = pow(base, BigInt(from), order); out.length < count; value = (value * base) % order)
      out.push(value);
    return out;
  };
  const inverse = invert(root, order);
  return {
    size: 2 ** power,
    powers: (from, count) => sequence(root, from, count),
    inversePowers: (from, count) => sequence(inverse, from, count),
  };
}
