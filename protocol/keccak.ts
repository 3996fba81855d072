/** Keccak-256, as Solidity's keccak256. The engine is the pure one unless a composition root installs a faster one. */
import { toHex } from "../storage/core/bytes.ts";
import { keccakEngine } from "../storage/core/primitives.ts";

/** 32 bytes. */
export function keccak256(data: Uint8Array): Uint8Array {
  hash(data);
  return digest();
}

/** The digest as lower-case hex with 0x. */
export function keccak256Hex(data: Uint8Array): `0x${string}` {
  hash(data);
  return digestHex();
}

/** Shared input buffer: a caller may assemble its input here, then call `hashOfInput`. */
export function hashInput(): Uint8Array {
  return keccakEngine().input;
}

/** Hashes the first `length` bytes of the shared input buffer, `length` less than its size. Read the digest next. */
export function hashOfInput(length: number): void {
  keccakEngine().hashInput(length);
}

/** Hashes `data`. Read the digest next. */
export function hash(data: Uint8Array): void {
  keccakEngine().hash(data);
}

/** A copy of the last digest. */
export function digest(): Uint8Array {
  return keccakEngine().digest.slice();
}

/** Writes the last digest to `out` from byte `at` on. */
export function digestInto(out: Uint8Array, at: number): void {
  out.set(keccakEngine().digest, at);
}

/** The last digest as lower-case hex with 0x. */
export function digestHex(): `0x${string}` {
  return toHex(keccakEngine().digest);
}
