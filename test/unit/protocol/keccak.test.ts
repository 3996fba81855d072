import { keccak_256 } from "@noble/hashes/sha3.js";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { installFastHashes } from "../../../daemon/hashing/install.ts";
import { hashInput, keccak256, keccak256Hex } from "../../../protocol/keccak.ts";
import { fromHex, keccakWords, toHex, word, wordBytes } from "../../../protocol/hash.ts";
import { concatBytes } from "../../../storage/core/bytes.ts";
import { installPrimitives, purePrimitives } from "../../../storage/core/primitives.ts";

describe.each([
  ["the pure engine", () => installPrimitives(purePrimitives())],
  ["the engine in WebAssembly", installFastHashes],
])("Keccak-256 with %s", (_, install) => {
  beforeEach(install);

  it.each([
    ["", "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"],
    ["abc", "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"],
  ])("hashes %j to the known digest", (text, digest) => {
    expect(toHex(keccak256(new TextEncoder().encode(text)))).toBe(digest);
  });

  it("agrees with an independent implementation at every length around its block size", () => {
    for (let length = 0; length <= 3 * 136 + 1; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
      expect(toHex(keccak256(bytes)), `${length} bytes`).toBe(toHex(keccak_256(bytes)));
    }
  });

  it("agrees with an independent implementation on random bytes, one hash after another", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(keccak256(bytes)).toEqual(keccak_256(bytes));
        expect(keccak256Hex(bytes)).toBe(toHex(keccak_256(bytes)));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("agrees with an independent implementation around the size of the shared input buffer", () => {
    const whole = hashInput().length;
    for (const length of [whole - 137, whole - 1, whole, whole + 1, 2 * whole, 2 * whole + 136]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
      expect(toHex(keccak256(bytes)), `${length} bytes`).toBe(toHex(keccak_256(bytes)));
    }
    for (let count = whole / wordBytes - 2; count <= whole / wordBytes + 2; count++) {
      const words = Array.from({ length: count }, (_, i) => i);
      expect(keccakWords(...words), `${count} words`).toBe(
        toHex(keccak_256(concatBytes(...words.map(word)))),
      );
    }
  });

  it("returns digests that later calls do not change", () => {
    const first = keccak256(Uint8Array.of(1));
    const copy = first.slice();
    keccak256(Uint8Array.of(2));
    expect(first).toEqual(copy);
  });
});

describe("words", () => {
  const values = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
    fc.nat(),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.uint8Array({ maxLength: 32 }).map(toHex),
  );

  it("hash together as their concatenation", () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 12 }), (list) => {
        expect(keccakWords(...list)).toBe(toHex(keccak_256(concatBytes(...list.map(word)))));
      }),
      { seed: 1 },
    );
  });

  it("are right-aligned and big-endian", () => {
    expect(toHex(word(258))).toBe(`0x${"00".repeat(30)}0102`);
    expect(toHex(word("0xff00"))).toBe(`0x${"00".repeat(30)}ff00`);
    expect(toHex(word((1n << 256n) - 1n))).toBe(`0x${"ff".repeat(32)}`);
  });

  it.each([-1, -1n, 1n << 256n, 1.5, `0x${"00".repeat(33)}`] as const)("refuse %s", (value) => {
    expect(() => word(value)).toThrow(RangeError);
    expect(() => keccakWords(value)).toThrow(RangeError);
  });
});

describe("hex", () => {
  it("decodes to the bytes that were encoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const hex = toHex(bytes);
        expect(hex).toBe(`0x${Buffer.from(bytes).toString("hex")}`);
        expect(fromHex(hex)).toEqual(bytes);
        expect(fromHex(`0x${hex.slice(2).toUpperCase()}`)).toEqual(bytes);
      }),
      { seed: 1 },
    );
  });

  it.each(["0x0", "00", "0xzz", "0x0g", "0x\u0130\u0131", "xx"])("refuses %j", (text) => {
    expect(() => fromHex(text)).toThrow(RangeError);
  });
});
