/**
 * SHA-256, Keccak-256 and text from character codes. The defaults are pure and run everywhere. A composition root may install
 * the faster ones of its platform; both return the same bytes, so no result depends on which are installed.
 */
import { sha256 as pureSha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

/** SHA-256 of one byte string; returns a new array of 32 bytes. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** Keccak-256 with a shared input buffer, so that small inputs need no buffer each. */
export type KeccakEngine = {
  /** Shared input buffer: a caller may assemble its input here, then call `hashInput`. */
  readonly input: Uint8Array;
  /** Digest of the last call, 32 bytes; the next call overwrites it. */
  readonly digest: Uint8Array;
  /** Hashes the first `length` bytes of `input`; `length` is less than the length of `input`. */
  readonly hashInput: (length: number) => void;
  readonly hash: (data: Uint8Array) => void;
};

/** Makes strings from a shared buffer of character codes below 128. */
export type TextEngine = {
  /** Two characters in each element, in the byte order of the platform. */
  readonly pairs: Uint16Array;
  /** The first `length` characters as one flat string. */
  readonly text: (length: number) => string;
};

export type Primitives = {
  readonly sha256: Sha256;
  readonly keccak: KeccakEngine;
  readonly text: TextEngine;
};

/** 128 blocks of 136 bytes, the rate of Keccak-256. */
export const keccakInputBytes = 128 * 136;
export const maxTextPairs = 4096;

function pureKeccak(): KeccakEngine {
  const input = new Uint8Array(keccakInputBytes);
  const digest = new Uint8Array(32);
  const hash = (data: Uint8Array): void => digest.set(keccak_256(data));
  return { input, digest, hash, hashInput: (length) => hash(input.subarray(0, length)) };
}

function pureText(): TextEngine {
  const pairs = new Uint16Array(maxTextPairs);
  const bytes = new Uint8Array(pairs.buffer);
  const decoder = new TextDecoder("latin1");
  return { pairs, text: (length) => decoder.decode(bytes.subarray(0, length)) };
}

export function purePrimitives(): Primitives {
  return { sha256: pureSha256, keccak: pureKeccak(), text: pureText() };
}

let installed = purePrimitives();

/** Only a composition root calls this, before its first hash. */
export function installPrimitives(primitives: Primitives): void {
  installed = primitives;
}

export function sha256(data: Uint8Array): Uint8Array {
  return installed.sha256(data);
}

export function keccakEngine(): KeccakEngine {
  return installed.keccak;
}

export function textEngine(): TextEngine {
  return installed.text;
}
