/** Keys of test keepers. The secrets are small known numbers, so one signature with their sum replaces a quorum's signatures. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { AbiCoder, getBytes, keccak256, toBeHex, toUtf8Bytes } from "ethers";
import { encodeG1, encodeG2, possessionTag, signatureTag } from "../../../client/bls.ts";

const { shortSignatures, fields } = bls12_381;
const order = fields.Fr.ORDER;

/** A secret key made from a label; never zero. */
export function secretOf(label: string): bigint {
  return (BigInt(keccak256(toUtf8Bytes(label))) % (order - 1n)) + 1n;
}

function bytesOf(secret: bigint): Uint8Array {
  return getBytes(toBeHex(secret, 32));
}

export function publicKey(secret: bigint): string {
  return encodeG2(shortSignatures.getPublicKey(bytesOf(secret)));
}

export function sign(secret: bigint, message: Uint8Array, tag: string): string {
  return encodeG1(shortSignatures.sign(shortSignatures.hash(message, tag), bytesOf(secret)));
}

export function prove(secret: bigint, chainId: bigint, registry: string, operator: string): string {
  const message = AbiCoder.defaultAbiCoder().encode(
    ["uint256", "address", "address", "bytes"],
    [chainId, registry, operator, publicKey(secret)],
  );
  return sign(secret, getBytes(message), possessionTag);
}

/** The aggregate of all `secrets`' signatures over a digest. */
export function certify(secrets: readonly bigint[], digest: string): string {
  const sum = secrets.reduce((total, secret) => (total + secret) % order, 0n);
  return sign(sum, getBytes(digest), signatureTag);
}

/** A well-formed peer id without a node. */
export function peerId(label: string): string {
  return `0x002408011220${keccak256(toUtf8Bytes(label)).slice(2)}`;
}
