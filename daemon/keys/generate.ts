/** Creates keys of keepers and providers, and derives peer ids from them. */
import { randomBytes } from "node:crypto";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";

export type KeeperKeys = { operator: Hex; bls: Hex; peer: Hex };

const scalarSeedBytes = 48;

/** 32 random bytes as 0x-hex: an ed25519 seed, or a secp256k1 key (a value above the curve's order has a negligible probability). */
export function randomSecret(): Hex {
  return toHex(randomBytes(32));
}

/** A BLS secret: a uniform non-zero scalar, 32 bytes big-endian. */
export function randomBlsSecret(): Hex {
  return toHex(bls12_381.shortSignatures.keygen(randomBytes(scalarSeedBytes)).secretKey);
}

export function newKeeperKeys(): KeeperKeys {
  return { operator: randomSecret(), bls: randomBlsSecret(), peer: randomSecret() };
}

/** The libp2p peer id of an ed25519 seed. */
export async function peerIdOf(seed: string): Promise<string> {
  const key = await generateKeyPairFromSeed("Ed25519", fromHex(seed));
  return peerIdFromPrivateKey(key).toString();
}

/** The peer id in the registry's form: 38 bytes, the identity multihash of the ed25519 key, as 0x-hex. */
export async function peerIdBytes(seed: string): Promise<string> {
  const key = await generateKeyPairFromSeed("Ed25519", fromHex(seed));
  return toHex(peerIdFromPrivateKey(key).toMultihash().bytes);
}
