import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { finishBlake2b, readBlake2bState } from "../../../ceremony/blake2b-state.ts";
import type { Blake2bState } from "../../../ceremony/blake2b-state.ts";

/** The state before any byte, from the algorithm's parameters: 64 bytes of hash, no key. */
const fresh: Blake2bState = {
  words: [
    0x6a09e667f3bcc908n ^ 0x0101_0040n,
    0xbb67ae8584caa73bn,
    0x3c6ef372fe94f82bn,
    0xa54ff53a5f1d36f1n,
    0x510e527fade682d1n,
    0x9b05688c2b3e6c1fn,
    0x1f83d9abfb41bd6bn,
    0x5be0cd19137e2179n,
  ],
  count: 0n,
  rest: new Uint8Array(0),
};

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + 7) % 256);
const expected = (bytes: Uint8Array): Buffer => createHash("blake2b512").update(bytes).digest();

describe("BLAKE2b from a state", () => {
  it.each([0, 1, 127, 128, 129, 255, 256, 257, 768, 1000])(
    "hashes %i bytes as the platform does",
    (length) => {
      expect(Buffer.from(finishBlake2b(fresh, bytesOf(length)))).toEqual(expected(bytesOf(length)));
    },
  );

  it.each([1, 96, 127, 128])("continues a block of %i bytes", (fill) => {
    const bytes = bytesOf(fill + 768);
    const state = { ...fresh, rest: bytes.subarray(0, fill) };
    expect(Buffer.from(finishBlake2b(state, bytes.subarray(fill)))).toEqual(expected(bytes));
  });

  it("reads a stored state only with its length, and with at most a block of bytes", () => {
    const stored = new Uint8Array(216);
    expect(readBlake2bState(stored)?.rest).toHaveLength(0);
    stored[200] = 128;
    expect(readBlake2bState(stored)?.rest).toHaveLength(128);
    stored[200] = 129;
    expect(readBlake2bState(stored)).toBeUndefined();
    stored[200] = 0;
    stored[207] = 1;
    expect(readBlake2bState(stored)).toBeUndefined();
    expect(readBlake2bState(new Uint8Array(215))).toBeUndefined();
  });
});
