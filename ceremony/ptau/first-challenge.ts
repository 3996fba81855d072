/** The hash of a ceremony's first challenge: generators only, so it follows from curve and power. */
import { blake2b } from "@noble/hashes/blake2.js";
import type { Curve } from "../curves.ts";
import { fromHex } from "../../storage/core/bytes.ts";
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

const pointsPerStep = 4096;

/**
 * BLAKE2b of the first challenge: 64 bytes, or undefined if it is not known and too large to compute.
 * @param power of the whole ceremony
 */
export function firstChallengeHash({ name, G1, G2 }: Curve, power: number): Uint8Array | undefined {
  const found = known.get(`${name} ${power}`);
  if (found !== undefined) return fromHex(found, hashBytes);
  if (power > maxHashedPower) return undefined;
  // Before the first response there is the hash of nothing.
  const hasher = blake2b
    .create({ dkLen: hashBytes })
    .update(blake2b(new Uint8Array(0), { dkLen: hashBytes }));
  const [g1, g2] = [G1.encode(G1.base, "uncompressed"), G2.encode(G2.base, "uncompressed")];
  const repeat = (point: Uint8Array, count: number): void => {
    const step = new Uint8Array(Math.min(pointsPerStep, count) * point.length);
    for (let at = 0; at < step.length; at += point.length) step.set(point, at);
    for (let left = count; left > 0; left -= pointsPerStep)
      hasher.update(step.subarray(0, Math.min(left, pointsPerStep) * point.length));
  };
  const powers = 2 ** power;
  repeat(g1, 2 * powers - 1);
  repeat(g2, powers);
  repeat(g1, 2 * powers);
  return hasher.update(g2).digest();
}
