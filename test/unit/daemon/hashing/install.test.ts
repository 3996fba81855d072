import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { fastPrimitives, installFastHashes } from "../../../../daemon/hashing/install.ts";
import { toHex } from "../../../../storage/core/bytes.ts";
import {
  installPrimitives,
  keccakEngine,
  maxTextPairs,
  purePrimitives,
  sha256,
  textEngine,
} from "../../../../storage/core/primitives.ts";
import { seededBytes } from "../../../support/files.ts";

const pure = purePrimitives();
const fast = fastPrimitives();
const bytes = fc.uint8Array({ maxLength: 2_000 });
const random = { seed: 1, numRuns: 300 };

describe("the fast primitives", () => {
  it("hash random bytes with SHA-256 as the pure ones do", () => {
    fc.assert(
      fc.property(bytes, (data) => {
        expect(fast.sha256(data)).toEqual(pure.sha256(data));
      }),
      random,
    );
  });

  it("hash random bytes with Keccak-256 as the pure ones do, from the caller's buffer and from the shared one", () => {
    fc.assert(
      fc.property(bytes, (data) => {
        for (const { keccak } of [pure, fast]) keccak.hash(data);
        expect(fast.keccak.digest).toEqual(pure.keccak.digest);
        for (const { keccak } of [pure, fast]) {
          keccak.hash(Uint8Array.of(1));
          keccak.input.set(data);
          keccak.hashInput(data.length);
        }
        expect(fast.keccak.digest).toEqual(pure.keccak.digest);
      }),
      random,
    );
  });

  it("have shared buffers of the same sizes as the pure ones", () => {
    expect(fast.keccak.input.length).toBe(pure.keccak.input.length);
    expect(fast.text.pairs.length).toBe(pure.text.pairs.length);
  });
});

describe("installing", () => {
  afterEach(() => installPrimitives(purePrimitives()));

  it("replaces all three primitives", () => {
    installFastHashes();
    expect(keccakEngine()).toBe(fast.keccak);
    expect(textEngine()).toBe(fast.text);
    expect(sha256(Uint8Array.of(1))).toEqual(pure.sha256(Uint8Array.of(1)));
  });

  it("changes no hex text, at every length around the size of the shared buffer", () => {
    const lengths = [0, 1, 20, 32, 127, 128, 129, maxTextPairs - 2, maxTextPairs - 1, maxTextPairs, 9_000];
    const texts = (): string[] => lengths.map((length) => toHex(seededBytes(length, 7)));
    const expected = lengths.map((length) => `0x${Buffer.from(seededBytes(length, 7)).toString("hex")}`);
    expect(texts()).toEqual(expected);
    installFastHashes();
    expect(texts()).toEqual(expected);
  });
});
