/**
 * The payer's age identity: an X25519 key derived from the key of its account, so that a new machine needs that key alone to read
 * everything back (R45). It is shown in age's own text form, so that the program `age` can decrypt, too.
 */
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { identityToRecipient } from "age-encryption";
import { getBytes } from "ethers";
import { inputError } from "../errors.ts";

/** Binds the derived key to its use: no other use of the account's key leads to the same bytes. */
const info = new TextEncoder().encode("whitepay/age/1");
const secretBytes = 32;
const identityPrefix = "AGE-SECRET-KEY-";

export type PayerIdentity = {
  /** `AGE-SECRET-KEY-1…`: whoever has it reads all private data of the payer. */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
};

/**
 * HKDF-SHA256 of the account's private key (no salt), as an age X25519 identity.
 * @param privateKey 0x and 64 hex digits
 * @throws WhitePayError `input` if it is not a private key
 */
export async function payerIdentity(privateKey: string): Promise<PayerIdentity> {
  if (!/^0x[0-9a-fA-F]{64}$/.test(privateKey)) {
    throw inputError("the account's private key is not valid", { expected: "0x and 64 hex digits" });
  }
  const secret = hkdf(sha256, getBytes(privateKey), undefined, info, secretBytes);
  const identity = bech32(identityPrefix.toLowerCase(), secret).toUpperCase();
  return { identity, recipient: await identityToRecipient(identity) };
}

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;

/** The checksum polynomial of BIP-173. */
function polymod(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, term] of generator.entries()) if (((top >>> bit) & 1) === 1) sum ^= term;
  }
  return sum >>> 0;
}

/** Bech32 (BIP-173) of whole bytes under a lower-case prefix. */
function bech32(prefix: string, bytes: Uint8Array): string {
  const words: number[] = [];
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      words.push((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) words.push((held << (5 - bits)) & 31);
  const letters = [...prefix].map((letter) => letter.charCodeAt(0));
  const expanded = [...letters.map((code) => code >>> 5), 0, ...letters.map((code) => code & 31)];
  const sum = polymod([...expanded, ...words, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = [0, 1, 2, 3, 4, 5].map((i) => (sum >>> (5 * (5 - i))) & 31);
  return `${prefix}1${[...words, ...check].map((word) => alphabet[word]).join("")}`;
}
