/** Section 10 of a `.zkey` file: who changed delta in phase 2. */
import { blake2b } from "@noble/hashes/blake2.js";
import { maxParameterBytes, readParameters } from "../contribution-parameters.ts";
import type { ContributionParameters } from "../contribution-parameters.ts";
import type { Curve, PointG1, PointG2 } from "../curves.ts";
import { hashToG2 } from "../key-proof.ts";
import { sameRatio } from "../same-ratio.ts";
import { SectionReader } from "../section-reader.ts";
import { equalBytes } from "../../storage/core/bytes.ts";

export type ZkeyContribution = ContributionParameters & {
  readonly deltaAfter: PointG1;
  readonly s: PointG1;
  readonly sx: PointG1;
  readonly spx: PointG2;
  /** BLAKE2b over the circuit's hash, all keys before, and this pair of G1: 64 bytes. */
  readonly transcript: Uint8Array;
};

const hashBytes = 64;
/** More than any ceremony had; a section of this many fits in 19 MB. */
export const maxContributions = 2 ** 14;

function minBytes({ G1, G2 }: Curve): number {
  return 3 * G1.bytesOf("uncompressed") + G2.bytesOf("uncompressed") + hashBytes + 4 + 4;
}

/** The most that section 10 can have. */
export function maxSectionBytes(curve: Curve): number {
  return hashBytes + 4 + maxContributions * (minBytes(curve) + maxParameterBytes);
}

export type Phase2 = {
  /** BLAKE2b of the first key, which the circuit and phase 1 determine: 64 bytes. */
  readonly circuitHash: Uint8Array;
  readonly contributions: readonly ZkeyContribution[];
};

/**
 * @param section the bytes of section 10
 * @throws CeremonyFileError if they are not the format's
 */
export function readPhase2(curve: Curve, section: Uint8Array, name: string): Phase2 {
  const reader = new SectionReader(curve, section, `${name}: section 10`);
  const circuitHash = reader.bytes(hashBytes, "hash of the circuit");
  const count = reader.u32("number of contributions");
  const most = Math.min(maxContributions, Math.floor(reader.remaining / minBytes(curve)));
  if (count > most)
    throw reader.refuse("number of contributions", `at most ${most} in ${section.length} bytes`, `${count}`);
  const contributions = Array.from({ length: count }, (_, i) => {
    const what = `contribution ${i + 1}`;
    return {
      deltaAfter: reader.g1(`${what}: delta in G1`),
      s: reader.g1(`${what}: s of the key`),
      sx: reader.g1(`${what}: x·s of the key`),
      spx: reader.g2(`${what}: point of G2 of the key`),
      transcript: reader.bytes(hashBytes, `${what}: hash of the transcript`),
      ...readParameters(reader, what),
    };
  });
  if (reader.remaining > 0)
    throw reader.refuse(`bytes after contribution ${count}`, "none", `${reader.remaining}`);
  return { circuitHash, contributions };
}

type Hasher = ReturnType<typeof blake2b.create>;

function addKey(
  hasher: Hasher,
  { G1, G2 }: Curve,
  { deltaAfter, s, sx, spx, transcript }: ZkeyContribution,
): Hasher {
  for (const point of [deltaAfter, s, sx]) hasher.update(G1.encode(point, "uncompressed"));
  return hasher.update(G2.encode(spx, "uncompressed")).update(transcript);
}

/** The hash that a contributor publishes: 64 bytes. */
export function contributionHash(curve: Curve, contribution: ZkeyContribution): Uint8Array {
  return addKey(blake2b.create({ dkLen: hashBytes }), curve, contribution).digest();
}

/** Follows the chain of contributions. */
export class Phase2Chain {
  readonly #curve: Curve;
  readonly #hasher: Hasher;
  #delta: PointG1;

  constructor(curve: Curve, circuitHash: Uint8Array) {
    this.#curve = curve;
    this.#hasher = blake2b.create({ dkLen: hashBytes }).update(circuitHash);
    // Phase 1 ends with delta 1.
    this.#delta = curve.G1.base;
  }

  /** Checks the next contribution, by name. */
  next(contribution: ZkeyContribution): Record<string, boolean> {
    const { s, sx, spx, transcript, deltaAfter } = contribution;
    const { G1 } = this.#curve;
    const hash = this.#hasher
      .clone()
      .update(G1.encode(s, "uncompressed"))
      .update(G1.encode(sx, "uncompressed"))
      .digest();
    const point = hashToG2(this.#curve, transcript);
    const checks = {
      transcript: equalBytes(hash, transcript),
      keyDelta: sameRatio(this.#curve, [s, sx], [point, spx]),
      delta: sameRatio(this.#curve, [this.#delta, deltaAfter], [point, spx]),
    };
    addKey(this.#hasher, this.#curve, contribution);
    this.#delta = deltaAfter;
    return checks;
  }
}
