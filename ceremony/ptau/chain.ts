/** The chain of contributions of a `.ptau` file: what each one is checked against. */
import { checkKey, checkRatios } from "../contribution.ts";
import type { FirstPowers } from "../contribution.ts";
import type { Curve } from "../curves.ts";
import { keyFromSeed, proofPoints, sameKey } from "../key-proof.ts";
import { sameRatio } from "../same-ratio.ts";
import { equalBytes } from "../../storage/core/bytes.ts";
import { hashBytes } from "./contributions.ts";
import type { PtauContribution } from "./contributions.ts";

/** What a contribution builds on. */
export type Predecessor = {
  readonly powers: FirstPowers;
  /** BLAKE2b of the challenge; undefined if it is not known. */
  readonly challenge: Uint8Array | undefined;
};

/** Without the challenge's hash only the powers in G2 can be compared with the key. */
function checkRatiosInG2(
  curve: Curve,
  before: FirstPowers,
  { key: { tau, beta }, tauG2, betaG2 }: PtauContribution,
): Record<string, boolean> {
  return {
    tauG2: sameRatio(curve, [tau.s, tau.sx], [before.tauG2, tauG2]),
    betaG2: sameRatio(curve, [beta.s, beta.sx], [before.betaG2, betaG2]),
  };
}

/**
 * The state of the response's hash: the format fixes how many bytes come before the key, and the last of them are βG2, compressed.
 * Some writers store the count of bytes modulo 2^32.
 */
function checkHashState(
  { G1, G2 }: Curve,
  ceremonyPower: number,
  { hashState: { count, rest }, betaG2 }: PtauContribution,
): boolean {
  const powers = 2n ** BigInt(ceremonyPower);
  const [g1, g2] = [BigInt(G1.bytesOf("compressed")), BigInt(G2.bytesOf("compressed"))];
  const expected = BigInt(hashBytes) + (4n * powers - 1n) * g1 + (powers + 1n) * g2;
  const actual = count + BigInt(rest.length);
  const isWrapped = count < 2n ** 32n && BigInt.asUintN(32, expected - actual) === 0n;
  const last = G2.encode(betaG2, "compressed-snarkjs");
  return (actual === expected || isWrapped) && equalBytes(rest.subarray(-last.length), last);
}

/**
 * Checks of one contribution, by name.
 * @param ceremonyPower the power of the whole ceremony, also in a file that has fewer powers
 */
export function checkContribution(
  curve: Curve,
  ceremonyPower: number,
  { powers, challenge }: Predecessor,
  contribution: PtauContribution,
): Record<string, boolean> {
  const hashState = checkHashState(curve, ceremonyPower, contribution);
  if (challenge === undefined) return { ...checkRatiosInG2(curve, powers, contribution), hashState };
  const { key } = contribution;
  const proofs = proofPoints(curve, challenge, key);
  return {
    ...checkKey(curve, key, proofs),
    ...checkRatios(curve, key, proofs, { before: powers, after: contribution }),
    hashState,
  };
}

/** Whether the key is the one that a beacon's seed gives: everybody can compute its secrets. */
export function isKeyOfSeed(
  curve: Curve,
  challenge: Uint8Array,
  { key }: PtauContribution,
  seed: Uint8Array,
): boolean {
  return sameKey(key, keyFromSeed(curve, challenge, seed));
}
