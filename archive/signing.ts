/** A curator's EIP-712 signature of a manifest: it names the root of its canonical bytes, so no chain and no contract is part of it. */
import { digestSigner } from "../protocol/codec/receipt.ts";
import { typedDigest } from "../protocol/certificate.ts";
import { fromHex, keccakText, keccakWords, zeroHash } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";

export type SignedManifest = {
  readonly root: Hex;
  /** Null in edition 1: zero in the signed message. */
  readonly previous: Hex | null;
  readonly edition: number;
};

const manifestType = keccakText("Manifest(bytes32 root,bytes32 previous,uint64 edition)");
/** EIP-712 domain of what is signed about archives: no chain and no contract is part of it. */
export const archiveDomain = keccakWords(
  keccakText("EIP712Domain(string name,string version)"),
  keccakText("WhitePay archive"),
  keccakText("1"),
);

/** 32 bytes. */
export function manifestDigest({ root, previous, edition }: SignedManifest): Uint8Array {
  return fromHex(typedDigest(archiveDomain, keccakWords(manifestType, root, previous ?? zeroHash, edition)));
}

/** Lower-case address of the signer; undefined if the signature (65 bytes) is invalid. */
export function manifestSigner(manifest: SignedManifest, signature: Hex): Hex | undefined {
  return digestSigner(manifestDigest(manifest), fromHex(signature));
}

/** The namespace of SSH signatures: `ssh-keygen -Y sign -n whitepay-archive`. */
export const sshNamespace = "whitepay-archive";
