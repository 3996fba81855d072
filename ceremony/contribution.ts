/** The same-ratio checks of one contribution to Powers of Tau. */
import type { Curve, PointG1, PointG2 } from "./curves.ts";
import type { ContributorKey, SecretName } from "./key-proof.ts";
import { sameRatio } from "./same-ratio.ts";

/** The powers of an accumulator that one contribution multiplies by a secret alone. */
export type FirstPowers = {
  readonly tauG1: PointG1;
  readonly tauG2: PointG2;
  readonly alphaG1: PointG1;
  readonly betaG1: PointG1;
  readonly betaG2: PointG2;
};

export type KeyChecks = { readonly keyTau: boolean; readonly keyAlpha: boolean; readonly keyBeta: boolean };
export type RatioChecks = Readonly<Record<keyof FirstPowers, boolean>>;
/** The points of G2 that belong to the key: `proofPoints` of the challenge's hash. */
export type ProofPoints = Readonly<Record<SecretName, PointG2>>;

/** Before the first contribution every secret is 1. */
export function initialPowers({ G1, G2 }: Curve): FirstPowers {
  return { tauG1: G1.base, tauG2: G2.base, alphaG1: G1.base, betaG1: G1.base, betaG2: G2.base };
}

/** Checks the contributor's proof of knowledge of each secret: three of the eight checks. */
export function checkKey(curve: Curve, key: ContributorKey, proofs: ProofPoints): KeyChecks {
  const holds = (name: SecretName): boolean =>
    sameRatio(curve, [key[name].s, key[name].sx], [proofs[name], key[name].spx]);
  return { keyTau: holds("tau"), keyAlpha: holds("alpha"), keyBeta: holds("beta") };
}

/** Checks that each first power is the one before times the key's secret: five of the eight checks. */
export function checkRatios(
  curve: Curve,
  key: ContributorKey,
  proofs: ProofPoints,
  { before, after }: { readonly before: FirstPowers; readonly after: FirstPowers },
): RatioChecks {
  const inG1 = (power: "tauG1" | "alphaG1" | "betaG1", secret: SecretName): boolean =>
    sameRatio(curve, [before[power], after[power]], [proofs[secret], key[secret].spx]);
  const inG2 = (power: "tauG2" | "betaG2", secret: SecretName): boolean =>
    sameRatio(curve, [key[secret].s, key[secret].sx], [before[power], after[power]]);
  return {
    tauG1: inG1("tauG1", "tau"),
    tauG2: inG2("tauG2", "tau"),
    alphaG1: inG1("alphaG1", "alpha"),
    betaG1: inG1("betaG1", "beta"),
    betaG2: inG2("betaG2", "beta"),
  };
}

/** Whether two accumulators have the same first powers. */
export function sameFirstPowers(a: FirstPowers, b: FirstPowers): boolean {
  return (
    a.tauG1.equals(b.tauG1) &&
    a.tauG2.equals(b.tauG2) &&
    a.alphaG1.equals(b.alphaG1) &&
    a.betaG1.equals(b.betaG1) &&
    a.betaG2.equals(b.betaG2)
  );
}
