/** The contribution of a beacon: its secrets follow from a public value, so it may be computed in variable time by everybody. */
import { pow } from "@noble/curves/abstract/modular.js";
import { contributionFromSeed, encodeKey } from "../key-proof.ts";
import type { SecretName } from "../key-proof.ts";
import type { Accumulator } from "./point-reader.ts";
import { eachChunk } from "./point-stream.ts";
import type { Chunk, Sink, Tools } from "./point-stream.ts";

/** The scalars of a chunk's points: τ to the power of their number, times α or β. */
function scalarsOf(
  { section, first, points }: Chunk,
  { tau, alpha, beta }: Readonly<Record<SecretName, bigint>>,
  order: bigint,
): bigint[] {
  if (section.name === "betaG2") return [beta];
  const factor = section.name === "alphaTauG1" ? alpha : section.name === "betaTauG1" ? beta : 1n;
  const out: bigint[] = [];
  let scalar = (factor * pow(tau, BigInt(first), order)) % order;
  for (let i = 0; i < points; i++, scalar = (scalar * tau) % order) out.push(scalar);
  return out;
}

/**
 * The bytes of the response that a beacon gives.
 * @param seed 32 bytes: the beacon's value, hashed as the ceremony says
 * @param challengeHash BLAKE2b-512 of the challenge
 * @throws CeremonyFileError for a point of the challenge that is not on its curve
 */
export async function eachBeaconBlock(
  challenge: Accumulator,
  { seed, challengeHash }: { readonly seed: Uint8Array; readonly challengeHash: Uint8Array },
  sink: Sink,
  tools: Tools,
): Promise<void> {
  const { layout } = challenge;
  const { curve } = layout;
  const { secrets, key } = contributionFromSeed(curve, challengeHash, seed);
  const multiply = (chunk: Chunk): readonly bigint[] => scalarsOf(chunk, secrets, curve.order);
  await sink(challengeHash);
  const label = `contributing the beacon to ${challenge.source.name}`;
  await eachChunk(challenge, { to: "compressed", multiply, label }, tools, async (_, { encoded }) => {
    if (encoded) await sink(encoded);
  });
  await sink(encodeKey(curve, key));
}
