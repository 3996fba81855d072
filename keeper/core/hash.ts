/** Hashing and ABI words for the core: everything that is hashed here is hashed the same way in Solidity. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

/** Lower-case hex with the 0x prefix. */
export type Hex = `0x${string}`;

export const wordBytes = 32;
export const zeroHash: Hex = `0x${"00".repeat(wordBytes)}`;

export function toHex(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}

/** @throws Error if `hex` is not an even number of hex digits after 0x */
export function fromHex(hex: string): Uint8Array {
  return hexToBytes(hex.startsWith("0x") ? hex.slice(2) : hex);
}

/** One 32-byte big-endian word: a number, or bytes that are right-aligned (as abi.encode does for addresses). */
export function word(value: number | bigint | Hex): Uint8Array {
  const out = new Uint8Array(wordBytes);
  if (typeof value === "string") {
    const bytes = fromHex(value);
    if (bytes.length > wordBytes) throw new RangeError(`word: expected ≤ 32 bytes, actual ${bytes.length}`);
    out.set(bytes, wordBytes - bytes.length);
    return out;
  }
  let rest = BigInt(value);
  if (rest < 0n || rest >> 256n !== 0n) throw new RangeError(`word: expected a uint256, actual ${rest}`);
  for (let i = wordBytes - 1; rest > 0n; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}

export function keccak(...parts: readonly Uint8Array[]): Hex {
  return toHex(keccak_256(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts)));
}

/** keccak256(abi.encode(…)) of static values. */
export function keccakWords(...values: readonly (number | bigint | Hex)[]): Hex {
  return keccak(...values.map(word));
}

/** keccak256 of a UTF-8 text, as EIP-712 type hashes need. */
export function keccakText(text: string): Hex {
  return keccak(new TextEncoder().encode(text));
}

/** Bit i is set for every index i of the list. */
export function bitmap(indices: readonly number[]): bigint {
  return indices.reduce((bits, i) => bits | (1n << BigInt(i)), 0n);
}

/** Ascending indices of the set bits. */
export function bits(map: bigint): number[] {
  const indices: number[] = [];
  for (let i = 0, rest = map; rest > 0n; i++, rest >>= 1n) if (rest & 1n) indices.push(i);
  return indices;
}
