/** R9: seeds compared with ethers' ABI encoding and the older BLS library. */
import * as reference from "@noble/bls12-381";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { AbiCoder, keccak256 } from "ethers";
import { describe, expect, it } from "vitest";
import {
  seedTag,
  seedMessage,
  seedPublicKey,
  signSeed,
  verifySeed,
} from "../../../../protocol/codec/seed.ts";
import type { SeedScope } from "../../../../protocol/codec/seed.ts";
import { leafSeed } from "../../../../protocol/leaf-seed.ts";
import { toHex } from "../../../../protocol/hash.ts";
import { fromHex } from "../../../../storage/core/bytes.ts";
import { seededBytes, seededNumbers } from "../../../support/files.ts";
import { secretOf } from "../../../support/secrets.ts";

const { Point } = bls12_381.G1;
const { Fp } = bls12_381.fields;
const scope: SeedScope = {
  chainId: 31_337,
  committee: `0x${"a1".repeat(20)}`,
  operator: `0x${"b3".repeat(20)}`,
  slot: 900,
  blockHash: toHex(seededBytes(32, 1)),
};
const secret = secretOf(5);
const key = seedPublicKey(secret);
const seed = signSeed(scope, secret);

/** The compressed form; the library refuses to encode a point outside the subgroup. */
function compressed(point: InstanceType<typeof Point>): Uint8Array {
  const { x, y } = point.toAffine();
  const bytes = fromHex(`0x${x.toString(16).padStart(96, "0")}`);
  bytes[0]! |= 0x80 | (y > (Fp.ORDER - 1n) / 2n ? 0x20 : 0);
  return bytes;
}

describe("a seed", () => {
  it("signs the ABI encoding of chain, committee, operator, slot and block hash", () => {
    const { chainId, committee, operator, slot, blockHash } = scope;
    const encoded = AbiCoder.defaultAbiCoder().encode(
      ["uint256", "address", "address", "uint64", "bytes32"],
      [chainId, committee, operator, slot, blockHash],
    );
    expect(toHex(seedMessage(scope))).toBe(encoded);
  });

  it("equals the older library's result: hash to G1 under the seed's tag, times the secret", async () => {
    reference.utils.setDSTLabel(seedTag);
    const hashed = await reference.PointG1.hashToCurve(toHex(seedMessage(scope)).slice(2));
    expect(hashed.multiply(BigInt(toHex(secret))).toHex(true)).toBe(toHex(seed).slice(2));
    const publicKey = reference.PointG2.BASE.multiply(BigInt(toHex(secret))).toHex(true);
    expect(publicKey).toBe(toHex(key).slice(2));
  });

  it("is deterministic, so it cannot be ground", () => {
    expect(seed).toHaveLength(48);
    expect(toHex(signSeed(scope, secret))).toBe(toHex(seed));
    expect(verifySeed(scope, seed, key)).toBe(true);
  });

  it("is invalid for another chain, committee, provider, slot, block or keeper", () => {
    const changes: Partial<SeedScope>[] = [
      { chainId: 1 },
      { committee: `0x${"a2".repeat(20)}` },
      { operator: `0x${"b4".repeat(20)}` },
      { slot: 901 },
      { blockHash: toHex(seededBytes(32, 2)) },
    ];
    for (const change of changes) expect(verifySeed({ ...scope, ...change }, seed, key)).toBe(false);
    expect(verifySeed(scope, seed, seedPublicKey(secretOf(6)))).toBe(false);
    expect(verifySeed(scope, signSeed(scope, secretOf(6)), key)).toBe(false);
  });

  it("is not a signature under another tag over the same message", () => {
    const bls = bls12_381.shortSignatures;
    const other = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    const signature = bls.Signature.toBytes(bls.sign(bls.hash(seedMessage(scope), other), secret));
    expect(verifySeed(scope, signature, key)).toBe(false);
  });
});

describe("invalid seeds and keys are refused without a throw (D5)", () => {
  it("the point at infinity, other lengths, random bytes and flipped bits", () => {
    const infinity = bls12_381.G1.Point.ZERO.toBytes(true);
    const infiniteKey = bls12_381.G2.Point.ZERO.toBytes(true);
    expect(verifySeed(scope, infinity, key)).toBe(false);
    expect(verifySeed(scope, seed, infiniteKey)).toBe(false);
    expect(verifySeed(scope, infinity, infiniteKey)).toBe(false);
    for (const bad of [new Uint8Array(), new Uint8Array(48), seed.subarray(1), seededBytes(48, 4)]) {
      expect(verifySeed(scope, bad, key)).toBe(false);
    }
    for (const bad of [new Uint8Array(), new Uint8Array(96), key.subarray(1), seededBytes(96, 4)]) {
      expect(verifySeed(scope, seed, bad)).toBe(false);
    }
    const next = seededNumbers(6);
    for (let i = 0; i < 12; i++) {
      const flipped = seed.slice();
      const bit = next() % (48 * 8);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifySeed(scope, flipped, key)).toBe(false);
    }
  });

  it("a point of the curve outside the subgroup", () => {
    // Points of y² = x³ + 4 outside the subgroup, in a valid encoding.
    const outside: InstanceType<typeof Point>[] = [];
    for (let x = 1n; outside.length < 3; x++) {
      const square = Fp.add(Fp.mul(Fp.mul(x, x), x), 4n);
      if (!Fp.eql(Fp.pow(square, (Fp.ORDER - 1n) / 2n), Fp.ONE)) continue;
      const point = Point.fromAffine({ x, y: Fp.sqrt(square) });
      if (!point.isTorsionFree()) outside.push(point);
    }
    for (const point of outside) expect(verifySeed(scope, compressed(point), key)).toBe(false);
    // The right seed plus a point of small order: a pairing without the subgroup check accepts it.
    const first = outside[0]!;
    const torsion = first.multiplyUnsafe(bls12_381.fields.Fr.ORDER - 1n).add(first);
    expect(torsion.is0()).toBe(false);
    const shifted = compressed(Point.fromBytes(seed).add(torsion));
    expect(shifted).toHaveLength(48);
    expect(verifySeed(scope, shifted, key)).toBe(false);
    expect(toHex(compressed(Point.fromBytes(seed)))).toBe(toHex(seed));
  });
});

describe("the seed of a group's leaves (R9)", () => {
  it("is the hash of the ABI encoding of seed, group and provider", () => {
    const group = `0x${"67".repeat(20)}` as const;
    const encoded = AbiCoder.defaultAbiCoder().encode(["bytes", "address", "uint32"], [seed, group, 3]);
    expect(toHex(leafSeed(seed, group, 3))).toBe(keccak256(encoded));
  });

  it("differs for each group and provider", () => {
    const seeds = [
      leafSeed(seed, `0x${"67".repeat(20)}`, 3),
      leafSeed(seed, `0x${"68".repeat(20)}`, 3),
      leafSeed(seed, `0x${"67".repeat(20)}`, 4),
    ];
    expect(new Set(seeds.map(toHex)).size).toBe(3);
  });
});
