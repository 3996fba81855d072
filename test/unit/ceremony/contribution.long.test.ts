/** One contribution that snarkjs made: its key, its ratios, and each part that is not its own. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkKey, checkRatios, initialPowers, sameFirstPowers } from "../../../ceremony/contribution.ts";
import { encodeKey, keyFromSeed, proofPoints, sameKey } from "../../../ceremony/key-proof.ts";
import { layoutOfSize } from "../../../ceremony/powers-of-tau/layout.ts";
import { readAccumulator } from "../../../ceremony/powers-of-tau/point-reader.ts";
import type { Accumulator } from "../../../ceremony/powers-of-tau/point-reader.ts";
import type { ContributorKey } from "../../../ceremony/key-proof.ts";
import { sourceOf } from "../../support/ceremony/bytes-source.ts";
import { snarkjsChain } from "../../support/ceremony/snarkjs.ts";
import type { SnarkjsChain } from "../../support/ceremony/snarkjs.ts";

const keyHolds = { keyTau: true, keyAlpha: true, keyBeta: true };
const ratiosHold = { tauG1: true, tauG2: true, alphaG1: true, betaG1: true, betaG2: true };

describe.each(["bn254", "bls12-381"] as const)("a contribution with %s", (name) => {
  let chain: SnarkjsChain;
  let challenge: Accumulator;
  let response: Accumulator;
  let key: ContributorKey;
  let challengeHash: Uint8Array;

  const open = async (file: string): Promise<Accumulator> => {
    const source = sourceOf(file, await readFile(join(chain.folder, file)));
    const layout = layoutOfSize(source.size);
    if (layout === undefined) throw new Error(`no layout for ${source.size} bytes`);
    return readAccumulator(source, layout);
  };

  beforeAll(async () => {
    chain = await snarkjsChain(name, { power: 2, contributions: 1 });
    challenge = await open("challenge_0001");
    response = await open("response_0001");
    key = response.key as ContributorKey;
    challengeHash = blake2b(await readFile(join(chain.folder, "challenge_0001")));
  });
  afterAll(() => chain.remove());

  it("answers the challenge, and the challenge has the initial powers", () => {
    expect(response.head).toEqual(challengeHash);
    expect(challenge.layout).toMatchObject({ kind: "challenge", power: 2, curve: { name } });
    expect(response.layout).toMatchObject({ kind: "response", power: 2, curve: { name } });
    expect(challenge.key).toBeUndefined();
    expect(sameFirstPowers(challenge.first, initialPowers(challenge.layout.curve))).toBe(true);
    expect(sameFirstPowers(challenge.first, response.first)).toBe(false);
  });

  it("passes the eight checks; another challenge's hash, a swapped key and a foreign power fail theirs", () => {
    const { curve } = response.layout;
    const [before, after] = [challenge.first, response.first];
    const proofs = proofPoints(curve, challengeHash, key);
    expect(checkKey(curve, key, proofs)).toEqual(keyHolds);
    expect(checkRatios(curve, key, proofs, { before, after })).toEqual(ratiosHold);
    const otherHash = Uint8Array.from(challengeHash, (byte, i) => (i === 63 ? byte ^ 1 : byte));
    expect(checkKey(curve, key, proofPoints(curve, otherHash, key))).toEqual({
      keyTau: false,
      keyAlpha: false,
      keyBeta: false,
    });
    const swapped = { ...key, alpha: key.beta, beta: key.alpha };
    expect(checkKey(curve, swapped, proofPoints(curve, challengeHash, swapped))).toEqual({
      ...keyHolds,
      keyAlpha: false,
      keyBeta: false,
    });
    const foreign = { ...after, alphaG1: after.betaG1, betaG2: after.tauG2 };
    expect(checkRatios(curve, key, proofs, { before, after: foreign })).toEqual({
      ...ratiosHold,
      alphaG1: false,
      betaG2: false,
    });
  });

  it("from a seed has a key that proves its secrets, and is the same each time", () => {
    const { curve } = response.layout;
    const seed = new Uint8Array(32).fill(7);
    const made = keyFromSeed(curve, challengeHash, seed);
    expect(sameKey(made, keyFromSeed(curve, challengeHash, seed))).toBe(true);
    expect(sameKey(made, key)).toBe(false);
    expect(checkKey(curve, made, proofPoints(curve, challengeHash, made))).toEqual(keyHolds);
    expect(encodeKey(curve, made)).toHaveLength(name === "bn254" ? 768 : 1152);
    expect(() => keyFromSeed(curve, challengeHash, seed.subarray(1))).toThrow(/at least 32 bytes, actual 31/);
  });
});
