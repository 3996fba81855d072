/** R9: the keeper's BLS signature that determines the block of a challenge and, in each group of the provider, the leaves. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { concatBytes } from "../../storage/core/bytes.ts";
import { word } from "../hash.ts";
import type { Hex } from "../hash.ts";
import { seedBytes } from "./receipt.ts";

export const seedTag = "WHITEPAY_SEED_V1_BLS12381G1_XMD:SHA-256_SSWU_RO_";

export type SeedScope = {
  readonly chainId: number;
  /** Address of the committee's contract. */
  readonly committee: Hex;
  /** Operator address of the provider: one seed serves all of its groups in the committee. */
  readonly operator: Hex;
  readonly slot: number;
  /** Hash of the slot's first block. */
  readonly blockHash: Hex;
};

const bls = bls12_381.shortSignatures;

/** abi.encode(uint256 chainId, address committee, address providerOperator, uint64 slot, bytes32 blockHash). */
export function seedMessage(scope: SeedScope): Uint8Array {
  const { chainId, committee, operator, slot, blockHash } = scope;
  return concatBytes(word(chainId), word(committee), word(operator), word(slot), word(blockHash));
}

/** The seed, 48 bytes (compressed G1). `secretKey`: 32 bytes. About 3 ms. */
export function signSeed(scope: SeedScope, secretKey: Uint8Array): Uint8Array {
  const point = bls.sign(bls.hash(seedMessage(scope), seedTag), secretKey);
  return bls.Signature.toBytes(point);
}

/**
 * Whether the key (compressed G2, 96 bytes) signed `seed`. Takes about 25 ms. Returns false, and never throws, for bytes that
 * encode no point, for the point at infinity, and for a point outside the subgroup (D5).
 */
export function verifySeed(scope: SeedScope, seed: Uint8Array, blsKey: Uint8Array): boolean {
  if (seed.length !== seedBytes || blsKey.length !== 96) return false;
  try {
    const signature = bls12_381.G1.Point.fromBytes(seed);
    const key = bls12_381.G2.Point.fromBytes(blsKey);
    signature.assertValidity();
    key.assertValidity();
    if (signature.is0() || key.is0()) return false;
    return bls.verify(signature, bls.hash(seedMessage(scope), seedTag), key);
  } catch {
    return false; // the library throws for every malformed encoding
  }
}

/** Compressed G2 public key of a 32-byte secret key. */
export function seedPublicKey(secretKey: Uint8Array): Uint8Array {
  return bls.getPublicKey(secretKey).toBytes(true);
}
