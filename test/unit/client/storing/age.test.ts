import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newEnvelope, openEnvelope } from "../../../../client/storing/age-envelope.ts";
import {
  chunkBytes,
  chunkNonce,
  OpenedSource,
  payloadBytes,
  plainBytesOf,
  SealedSource,
  SealError,
  type ByteSource,
} from "../../../../client/storing/age-stream.ts";
import { payerIdentity } from "../../../../client/storing/payer-identity.ts";
import { nodeCipher } from "../../../../cli/store/cipher.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";

const key = `0x${"1b".repeat(32)}`;

/** A source that counts what it gives at once. */
function sourceOf(bytes: Uint8Array): ByteSource & { most: number } {
  const source = {
    size: bytes.length,
    most: 0,
    read(start: number, count: number) {
      source.most = Math.max(source.most, count);
      return Promise.resolve(bytes.subarray(start, start + count));
    },
  };
  return source;
}

async function sealedOf(plain: Uint8Array): Promise<{ sealed: SealedSource; whole: Uint8Array }> {
  const envelope = await newEnvelope((await payerIdentity(key)).recipient);
  const sealed = new SealedSource(sourceOf(plain), envelope, nodeCipher);
  return { sealed, whole: (await sealed.read(0, sealed.size)).bytes };
}

const sizes = [0, 1, 15, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes, 5 * chunkBytes + 77];

describe("the payer's identity", () => {
  it("is the same from the same key, another from another, and the library's own form", async () => {
    const one = await payerIdentity(key);
    expect(await payerIdentity(key)).toEqual(one);
    expect(await payerIdentity(`0x${"1c".repeat(32)}`)).not.toEqual(one);
    expect(one.identity).toMatch(/^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/);
    expect(await identityToRecipient(one.identity)).toBe(one.recipient);
  });

  it("refuses what is no private key, without repeating it", async () => {
    const error = await payerIdentity("0x1234secret").catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: "input", expected: "0x and 64 hex digits" });
    expect((error as Error).message).not.toContain("secret");
  });
});

describe("an age file made by ranges", () => {
  it.each(sizes)("of %d bytes is decrypted by the library", async (size) => {
    const plain = generatedBytes(`age ${size}`, size);
    const { whole } = await sealedOf(plain);
    const decrypter = new Decrypter();
    decrypter.addIdentity((await payerIdentity(key)).identity);
    expect(Buffer.from(await decrypter.decrypt(whole)).equals(plain)).toBe(true);
  });

  it("gives the same bytes in any range as in the whole, and holds little at once", async () => {
    const plain = generatedBytes("age ranges", 9 * chunkBytes + 1234);
    const source = sourceOf(plain);
    const envelope = await newEnvelope((await payerIdentity(key)).recipient);
    const sealed = new SealedSource(source, envelope, nodeCipher);
    const { bytes: whole } = await sealed.read(0, sealed.size);
    source.most = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.size), fc.nat(3 * chunkBytes), async (start, length) => {
        const count = Math.min(length, sealed.size - start);
        const { bytes } = await sealed.read(start, count);
        expect(Buffer.from(bytes).equals(whole.subarray(start, start + count))).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect(source.most).toBeLessThanOrEqual(5 * chunkBytes);
  });

  it("has other bytes at every place for every provider, from the same plain bytes", async () => {
    const plain = generatedBytes("two copies", 3 * chunkBytes);
    const [a, b] = [(await sealedOf(plain)).whole, (await sealedOf(plain)).whole];
    const same = a.slice(300).filter((byte, i) => byte === b[i + 300]).length;
    expect(same / a.length).toBeLessThan(0.01);
  });

  it("has other tags where a plain byte changed", async () => {
    const plain = generatedBytes("tags", 2 * chunkBytes);
    const envelope = await newEnvelope((await payerIdentity(key)).recipient);
    const changed = Uint8Array.from(plain);
    changed[chunkBytes + 5] = (changed[chunkBytes + 5] as number) ^ 1;
    const [before, after] = await Promise.all(
      [plain, changed].map((bytes) =>
        new SealedSource(sourceOf(bytes), envelope, nodeCipher).read(0, 100_000),
      ),
    );
    expect(before?.tags.subarray(0, 16)).toEqual(after?.tags.subarray(0, 16));
    expect(before?.tags.subarray(16)).not.toEqual(after?.tags.subarray(16));
  });

  it("is refused outside its bytes", async () => {
    const { sealed } = await sealedOf(new Uint8Array(10));
    await expect(sealed.read(0, sealed.size + 1)).rejects.toThrow(RangeError);
    await expect(sealed.read(-1, 1)).rejects.toThrow(RangeError);
  });
});

describe("an age file of the library", () => {
  it.each(sizes)("of %d bytes is read from any place", async (size) => {
    const plain = generatedBytes(`library ${size}`, size);
    const { identity, recipient } = await payerIdentity(key);
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    const whole = await encrypter.encrypt(plain);
    const envelope = await openEnvelope(whole.subarray(0, 4096), identity);
    if (!envelope.ok) throw new Error(envelope.detail);
    const opened = new OpenedSource(sourceOf(whole), envelope.value, nodeCipher);
    expect(opened.size).toBe(size);
    for (const [start, count] of [
      [0, size],
      [Math.floor(size / 3), Math.floor(size / 2)],
      [size, 0],
    ] as const) {
      expect(Buffer.from(await opened.read(start, count)).equals(plain.subarray(start, start + count))).toBe(
        true,
      );
    }
  });

  it("is refused with one changed byte, cut at a chunk, or for another key", async () => {
    const { whole } = await sealedOf(generatedBytes("damage", 2 * chunkBytes));
    const { identity } = await payerIdentity(key);
    const envelope = await openEnvelope(whole.subarray(0, 4096), identity);
    if (!envelope.ok) throw new Error(envelope.detail);
    const damaged = Uint8Array.from(whole);
    damaged[whole.length - 20] = (damaged[whole.length - 20] as number) ^ 1;
    const read = (bytes: Uint8Array) => {
      const opened = new OpenedSource(sourceOf(bytes), envelope.value, nodeCipher);
      return opened.read(0, opened.size);
    };
    await expect(read(damaged)).rejects.toThrow(SealError);
    await expect(read(whole.subarray(0, -(chunkBytes + 16)))).rejects.toThrow(SealError);
    await expect(async () => read(whole.subarray(0, envelope.value.head.length + 5))).rejects.toThrow(
      SealError,
    );
    const other = await payerIdentity(`0x${"77".repeat(32)}`);
    expect(await openEnvelope(whole.subarray(0, 4096), other.identity)).toMatchObject({
      ok: false,
      code: "not-ours",
    });
  });

  it.each([
    ["nothing", ""],
    ["other text", "hello world\n".repeat(400)],
    ["a header without an end", `age-encryption.org/v1\n${"-> X25519 abc\nxyz\n".repeat(900)}`],
  ])("is not %s", async (_, text) => {
    const { identity } = await payerIdentity(key);
    const found = await openEnvelope(new TextEncoder().encode(text), identity);
    expect(found).toMatchObject({ ok: false, code: "not-age" });
  });
});

describe("lengths", () => {
  it("follow from each other, and no other length is a payload's", () => {
    fc.assert(fc.property(fc.nat(10 * chunkBytes), (plain) => plainBytesOf(payloadBytes(plain)) === plain));
    const valid = new Set(Array.from({ length: 70_000 }, (_, plain) => payloadBytes(plain)));
    for (let length = 0; length < 69_000; length++)
      expect(plainBytesOf(length) !== undefined).toBe(valid.has(length));
  });

  it("number the chunks in 11 bytes, big-endian", () => {
    expect([...chunkNonce(2 ** 32 + 258, true)]).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 1]);
    expect([...chunkNonce(0, false)]).toEqual(Array.from({ length: 12 }, () => 0));
  });
});
