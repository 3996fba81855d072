/** Where the parts of a phase1radix2mNN file are: Powers of Tau in the Lagrange basis of 2^NN points, for circuits of that size. */
import { curves } from "../curves.ts";
import type { Curve, CurveName } from "../curves.ts";
import { curveNames } from "../powers-of-tau/layout.ts";
import type { Section } from "../powers-of-tau/layout.ts";

export type Phase1Section =
  | "alphaG1"
  | "betaG1"
  | "betaG2"
  | "lagrangeG1"
  | "lagrangeG2"
  | "lagrangeAlphaG1"
  | "lagrangeBetaG1"
  /** τ^i (τ^n − 1), the multiples of the vanishing polynomial. */
  | "quotients";

export type Phase1Layout = {
  readonly curve: Curve;
  /** The domain has 2^power points. */
  readonly power: number;
  readonly form: "uncompressed";
  readonly sections: readonly Section[];
  readonly size: number;
};

/** The largest power of two that divides the group's order minus 1: no larger domain exists. */
export const maxDomainPower: Readonly<Record<CurveName, number>> = { bn254: 28, "bls12-381": 32 };

export function phase1Layout(name: CurveName, power: number): Phase1Layout {
  const curve = curves[name];
  const points = 2 ** power;
  let at = 0;
  const section = (id: Phase1Section, group: "G1" | "G2", count: number): Section => {
    const pointBytes = curve[group].bytesOf("uncompressed");
    const own = { name: id, group, points: count, start: at, pointBytes };
    at += count * pointBytes;
    return own;
  };
  const sections = [
    section("alphaG1", "G1", 1),
    section("betaG1", "G1", 1),
    section("betaG2", "G2", 1),
    section("lagrangeG1", "G1", points),
    section("lagrangeG2", "G2", points),
    section("lagrangeAlphaG1", "G1", points),
    section("lagrangeBetaG1", "G1", points),
    section("quotients", "G1", points - 1),
  ];
  return { curve, power, form: "uncompressed", sections, size: at };
}

/** All layouts, by power. */
export const phase1Layouts: readonly Phase1Layout[] = curveNames.flatMap((name) =>
  Array.from({ length: maxDomainPower[name] }, (_, i) => phase1Layout(name, i + 1)),
);
