/**
 * Signatures of participants in Ethereum's KZG ceremony. With each of the four secrets as a BLS key a participant signed the own
 * identity; with the Ethereum account, the four public keys (EIP-712). kzg-ceremony-specs, "Contribution Signing".
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { PointG1 } from "../curves.ts";
import { keccak, keccak256, keccakText, keccakWords } from "../../protocol/hash.ts";
import { concatBytes, fromHex, toHex } from "../../storage/core/bytes.ts";

/** RFC 9380's tag of the suite that the ceremony uses: signatures in G1, keys in G2. */
const blsTag = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/** The point that a participant's BLS keys sign. */
export function identityPoint(identity: string): PointG1 {
  return bls12_381.shortSignatures.hash(new TextEncoder().encode(identity), blsTag);
}

/** One public key and the sizes of the powers that its secret was applied to. */
export type SignedKey = {
  readonly numG1Powers: number;
  readonly numG2Powers: number;
  /** The public key: 96 bytes of hex. */
  readonly potPubkey: string;
};

const keyType = "contributionPubkey(uint256 numG1Powers,uint256 numG2Powers,bytes potPubkey)";

const domainHash = keccakWords(
  keccakText("EIP712Domain(string name,string version,uint256 chainId)"),
  keccakText("Ethereum KZG Ceremony"),
  keccakText("1.0"),
  1,
);

/** The EIP-712 digest of a contribution's public keys: 32 bytes. */
export function contributionDigest(keys: readonly SignedKey[]): Uint8Array {
  const hashes = keys.map(({ numG1Powers, numG2Powers, potPubkey }) =>
    keccakWords(keccakText(keyType), numG1Powers, numG2Powers, keccak(fromHex(potPubkey))),
  );
  const typeHash = keccakText(`PoTPubkeys(contributionPubkey[] potPubkeys)${keyType}`);
  const message = keccakWords(typeHash, keccakWords(...hashes));
  return fromHex(keccak(Uint8Array.of(0x19, 0x01), fromHex(domainHash), fromHex(message)));
}

/** r, s, and 27 or 28. */
const signatureBytes = 65;

/** Whether the account of an identity `eth|0x…` signed the digest. */
export function accountSigned(identity: string, digest: Uint8Array, signature: string): boolean {
  const address = /^eth\|(0x[0-9a-f]{40})$/.exec(identity)?.[1];
  if (address === undefined) return false;
  try {
    const bytes = fromHex(signature, signatureBytes);
    const recovery = (bytes[64] as number) - 27;
    if (recovery !== 0 && recovery !== 1) return false;
    const signed = concatBytes(Uint8Array.of(recovery), bytes.subarray(0, 64));
    const key = secp256k1.recoverPublicKey(signed, digest, { prehash: false });
    const plain = secp256k1.Point.fromBytes(key).toBytes(false);
    return toHex(keccak256(plain.subarray(1)).subarray(12)) === address;
  } catch {
    // Not hex, or r and s that belong to no key.
    return false;
  }
}
