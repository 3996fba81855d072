/** Section 7 of a `.ptau` file: each contribution's key, first powers, and hashes. */
import { blake2bStateBytes, finishBlake2b, readBlake2bState } from "../blake2b-state.ts";
import type { Blake2bState } from "../blake2b-state.ts";
import { maxParameterBytes, readParameters } from "../contribution-parameters.ts";
import type { ContributionParameters } from "../contribution-parameters.ts";
import type { FirstPowers } from "../contribution.ts";
import type { Curve, PointG1 } from "../curves.ts";
import { encodeKey } from "../key-proof.ts";
import type { ContributorKey, SecretKeyProof, SecretName } from "../key-proof.ts";
import { SectionReader } from "../section-reader.ts";

export type PtauContribution = FirstPowers &
  ContributionParameters & {
    readonly key: ContributorKey;
    /** BLAKE2b over the response before the key. */
    readonly hashState: Blake2bState;
    /** BLAKE2b of the response: the hash that contributors publish; 64 bytes. */
    readonly responseHash: Uint8Array;
    /** BLAKE2b of the challenge that follows: 64 bytes; all 0xff if it was not known when the file was made. */
    readonly nextChallenge: Uint8Array;
  };

export const hashBytes = 64;
/** More than any ceremony had; a section of this many fits in 34 MB. */
export const maxContributions = 2 ** 14;

const pointsG1 = 3 + 6;
const pointsG2 = 2 + 3;

function minBytes({ G1, G2 }: Curve): number {
  const [g1, g2] = [G1.bytesOf("uncompressed"), G2.bytesOf("uncompressed")];
  return pointsG1 * g1 + pointsG2 * g2 + blake2bStateBytes + hashBytes + 4 + 4;
}

/** The most that section 7 can have. */
export function maxSectionBytes(curve: Curve): number {
  return 4 + maxContributions * (minBytes(curve) + maxParameterBytes);
}

function readKey(reader: SectionReader, what: string): ContributorKey {
  const pair = (name: SecretName): readonly [PointG1, PointG1] => [
    reader.g1(`${what}: s of the ${name} key`),
    reader.g1(`${what}: x·s of the ${name} key`),
  ];
  const pairs = { tau: pair("tau"), alpha: pair("alpha"), beta: pair("beta") };
  const proof = (name: SecretName): SecretKeyProof => {
    const [s, sx] = pairs[name];
    return { s, sx, spx: reader.g2(`${what}: point of G2 of the ${name} key`) };
  };
  return { tau: proof("tau"), alpha: proof("alpha"), beta: proof("beta") };
}

function readOne(curve: Curve, reader: SectionReader, what: string): PtauContribution {
  const tauG1 = reader.g1(`${what}: tau in G1`);
  const tauG2 = reader.g2(`${what}: tau in G2`);
  const alphaG1 = reader.g1(`${what}: alpha in G1`);
  const betaG1 = reader.g1(`${what}: beta in G1`);
  const betaG2 = reader.g2(`${what}: beta in G2`);
  const key = readKey(reader, what);
  const hashState = readBlake2bState(reader.bytes(blake2bStateBytes, `${what}: state of the hash`));
  if (!hashState)
    throw reader.refuse(`${what}: state of the hash`, "at most 128 bytes in the last block", "more");
  const nextChallenge = reader.bytes(hashBytes, `${what}: hash of the next challenge`);
  const parameters = readParameters(reader, what);
  const responseHash = finishBlake2b(hashState, encodeKey(curve, key));
  const powers: FirstPowers = { tauG1, tauG2, alphaG1, betaG1, betaG2 };
  return { ...powers, key, hashState, responseHash, nextChallenge, ...parameters };
}

/**
 * All contributions, in order; every point is on its curve and in the subgroup of prime order.
 * @param section the bytes of section 7
 * @throws CeremonyFileError if they are not the format's
 */
export function readContributions(
  curve: Curve,
  section: Uint8Array,
  name: string,
): readonly PtauContribution[] {
  const reader = new SectionReader(curve, section, `${name}: section 7`);
  const count = reader.u32("number of contributions");
  const most = Math.min(maxContributions, Math.floor(reader.remaining / minBytes(curve)));
  if (count > most)
    throw reader.refuse("number of contributions", `at most ${most} in ${section.length} bytes`, `${count}`);
  const out = Array.from({ length: count }, (_, i) => readOne(curve, reader, `contribution ${i + 1}`));
  if (reader.remaining > 0)
    throw reader.refuse(`bytes after contribution ${count}`, "none", `${reader.remaining}`);
  return out;
}
