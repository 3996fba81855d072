/** phase1radix2m files by the definition of the Lagrange basis: products over the domain's points, not the reader's closed form. */
import { invert, pow } from "@noble/curves/abstract/modular.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { concatBytes } from "@noble/hashes/utils.js";
import type { CurveName } from "../../../ceremony/curves.ts";
import { encoders } from "./powers.ts";

const secrets = { tau: 123456789n, alpha: 987654321n, beta: 192837465n };

/** @param generator of the scalar field: its power is the root of unity */
export function makePhase1(curve: CurveName, power: number, generator = 7n): Uint8Array {
  const { G1, G2, fields } = curve === "bn254" ? bn254 : bls12_381;
  const { ORDER } = fields.Fr;
  const { g1, g2 } = encoders(curve);
  const { tau, alpha, beta } = secrets;
  const n = 2 ** power;
  const root = pow(generator, (ORDER - 1n) / BigInt(n), ORDER);
  const domain = Array.from({ length: n }, (_, i) => pow(root, BigInt(i), ORDER));
  const mod = (value: bigint): bigint => ((value % ORDER) + ORDER) % ORDER;
  const basis = domain.map((own) =>
    domain
      .filter((other) => other !== own)
      .reduce((product, other) => mod(product * mod(tau - other) * invert(mod(own - other), ORDER)), 1n),
  );
  const vanishing = mod(pow(tau, BigInt(n), ORDER) - 1n);
  const quotients = Array.from({ length: n - 1 }, (_, i) => mod(vanishing * pow(tau, BigInt(i), ORDER)));
  const one = (k: bigint): Uint8Array => g1(G1.Point.BASE.multiplyUnsafe(mod(k)), false);
  const two = (k: bigint): Uint8Array => g2(G2.Point.BASE.multiplyUnsafe(mod(k)), false);
  return concatBytes(
    one(alpha),
    one(beta),
    two(beta),
    ...basis.map(one),
    ...basis.map(two),
    ...basis.map((value) => one(alpha * value)),
    ...basis.map((value) => one(beta * value)),
    ...quotients.map(one),
  );
}
