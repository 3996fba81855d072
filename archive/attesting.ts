/** An account's EIP-712 signature of an attestation about a file: it names the file's root, so it cannot be moved to another one. */
import { typedDigest } from "../protocol/certificate.ts";
import { digestSigner } from "../protocol/codec/receipt.ts";
import { fromHex, keccakText, keccakWords, zeroHash } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import type { ArchiveFile } from "./schema.ts";
import { archiveDomain } from "./signing.ts";

const attestationType = keccakText("Attestation(bytes32 root,string statement)");

/** SSH namespaces that are accepted: the archive's own, and that of signatures which ssh-keygen makes of any file. */
export const attestationNamespaces = ["whitepay-attestation", "file"] as const;

/**
 * 32 bytes.
 * @param root of the file; undefined for an attestation about the manifest
 */
export function attestationDigest(root: Hex | undefined, statement: string): Uint8Array {
  const struct = keccakWords(attestationType, root ?? zeroHash, keccakText(statement));
  return fromHex(typedDigest(archiveDomain, struct));
}

/** Lower-case address of the signer; undefined if the signature (65 bytes) is invalid. */
export function attestationSigner(root: Hex | undefined, statement: string, signature: Hex): Hex | undefined {
  return digestSigner(attestationDigest(root, statement), fromHex(signature));
}

/** Whether a statement has one of the file's hashes in hex, in groups and lines of any length. */
export function namesHash(statement: string, { blake2b, sha256, root }: ArchiveFile): boolean {
  const digits = statement.replaceAll(/[^0-9a-z]/gi, "").toLowerCase();
  return [blake2b, sha256, root].some((hash) => digits.includes(hash.slice(2)));
}
