/** Keccak-256 over ABI words, as the contracts compute it. */
import { concatBytes, fromHex, readHex, toHex } from "../storage/core/bytes.ts";
import { digestHex, hash, hashInput, hashOfInput, keccak256, keccak256Hex } from "./keccak.ts";

export { fromHex, keccak256, toHex };

/** Lower-case hex with the 0x prefix. */
export type Hex = `0x${string}`;

export const wordBytes = 32;
export const zeroHash: Hex = `0x${"00".repeat(wordBytes)}`;

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** Writes a safe integer big-endian, its last byte before offset `end`, into zeroed bytes. */
function writeNumber(out: Uint8Array, end: number, value: number): void {
  let rest = value;
  let at = end - 1;
  for (; rest > 0xffff_ffff; at--) {
    out[at] = rest;
    rest = Math.floor(rest / 256);
  }
  for (; rest > 0; at--, rest >>>= 8) out[at] = rest;
}

/** Writes one word that ends before offset `end` into zeroed bytes. */
function writeWord(out: Uint8Array, end: number, value: number | bigint | Hex): void {
  if (typeof value === "string") {
    const length = (value.length - 2) / 2;
    if (!Number.isInteger(length) || length > wordBytes) {
      throw new RangeError(`word: expected ≤ ${wordBytes} bytes of hex, actual "${value}"`);
    }
    return readHex(value, 2, out, end - length, length);
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || value < 0) throw notUint256(value);
    return writeNumber(out, end, value);
  }
  // Each step of a bigint allocates another one, and most values are small.
  if (value >= 0n && value <= maxSafe) return writeNumber(out, end, Number(value));
  if (value < 0n || value >> 256n !== 0n) throw notUint256(value);
  let rest = value;
  for (let i = end - 1; rest > 0n; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function notUint256(value: number | bigint): RangeError {
  return new RangeError(`word: expected a uint256, actual ${value}`);
}

/** One 32-byte big-endian word: a number, or right-aligned bytes (as abi.encode of an address). */
export function word(value: number | bigint | Hex): Uint8Array {
  const out = new Uint8Array(wordBytes);
  writeWord(out, wordBytes, value);
  return out;
}

export function keccak(...parts: readonly Uint8Array[]): Hex {
  return keccak256Hex(parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts));
}

/** keccak256(abi.encode(…)) of static values. */
export function keccakWords(...values: readonly (number | bigint | Hex)[]): Hex {
  return keccakTagged([], values);
}

/** keccak256 of domain tags followed by the words of `values`. */
export function keccakTagged(tags: readonly number[], values: readonly (number | bigint | Hex)[]): Hex {
  hashTagged(tags, values);
  return digestHex();
}

/** Like `keccakTagged`, but the caller reads the digest, before any other hash. */
export function hashTagged(tags: readonly number[], values: readonly (number | bigint | Hex)[]): void {
  const length = tags.length + wordBytes * values.length;
  // Called thousands of times for each block: an input that fits is assembled in the shared buffer.
  const shared = hashInput();
  const fits = length < shared.length;
  const out = fits ? shared.fill(0, 0, length) : new Uint8Array(length);
  for (let i = 0; i < tags.length; i++) out[i] = tags[i] as number;
  let end = tags.length;
  for (const value of values) writeWord(out, (end += wordBytes), value);
  return fits ? hashOfInput(length) : hash(out);
}

/** keccak256 of a UTF-8 text, as EIP-712 type hashes need. */
export function keccakText(text: string): Hex {
  return keccak(new TextEncoder().encode(text));
}
