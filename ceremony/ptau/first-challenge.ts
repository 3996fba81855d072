/** The hash of a ceremony's first challenge: generators only, so it follows from curve and power. */
import { blake2b } from "@noble/hashes/blake2.js";
import type { Curve } from "../curves.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import { initialHash } from "../powers-of-tau/point-stream.ts";
import { hashBytes } from "./contributions.ts";

/** 2^22 powers: 1.6 GB to hash with BN254, half a minute. */
export const maxHashedPower = 22;

/** Known hashes, of challenges of too many bytes to hash here. */
const known: ReadonlyMap<string, string> = new Map([
  // `challenge_initial` of Perpetual Powers of Tau, from the attestation of its contribution 0001. The key proof of that contribution
  // holds with it and with no other.
  [
    "bn254 28",
    "0x93da91920d5a54a8a0fde55cd9dc3a10c4f3eef768b62c0948741370864254b4c1920f3f29d4ebc0ef3acecf2e2db63a755713d77e1ed77347a56fbc317c7a93",
  ],
]);

/** The published hash of a first challenge; undefined if it is not known. @param power of the whole ceremony */
export function knownFirstChallenge({ name }: Curve, power: number): Uint8Array | undefined {
  const found = known.get(`${name} ${power}`);
  return found === undefined ? undefined : fromHex(found, hashBytes);
}

/**
 * BLAKE2b of the first challenge: 64 bytes, or undefined if it is not known and too large to compute.
 * @param power of the whole ceremony
 */
export function firstChallengeHash(curve: Curve, power: number): Uint8Array | undefined {
  const found = knownFirstChallenge(curve, power);
  if (found !== undefined || power > maxHashedPower) return found;
  return initialHash({ curve, power }, { createHash: () => blake2b.create({ dkLen: hashBytes }) });
}
