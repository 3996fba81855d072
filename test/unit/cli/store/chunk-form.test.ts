import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunkBytes, chunkCount, SealedSource } from "../../../../client/storing/age-stream.ts";
import { chunkForm, chunksIn, openChunk, openRange, rangesOf } from "../../../../cli/store/chunk-form.ts";
import { nodeCipher } from "../../../../cli/store/cipher.ts";
import { openVerified } from "../../../../cli/store/open-ranges.ts";
import { PieceCopy } from "../../../../cli/store/copy.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";
import { rangeBytes, rangeCount, rangePlace } from "../../../../storage/core/range.ts";

function sourceOf(bytes: Uint8Array) {
  return {
    size: bytes.length,
    read: async (start: number, count: number) => bytes.slice(start, start + count),
  };
}

const envelopeOf = (head: number) => ({
  head: generatedBytes("head", head),
  payloadKey: generatedBytes("key", 32),
});

type Copy = { readonly size: number; range(range: number): Promise<Uint8Array> };

function copyOf(plain: Uint8Array, head: number | undefined): Copy {
  if (head === undefined) {
    return {
      size: plain.length,
      async range(range) {
        const { start, bytes } = rangePlace(plain.length, range);
        return plain.slice(start, start + bytes);
      },
    };
  }
  const sealed = new SealedSource(sourceOf(plain), envelopeOf(head), nodeCipher);
  return {
    size: sealed.size,
    async range(range) {
      const { start, bytes } = rangePlace(sealed.size, range);
      return (await sealed.read(start, bytes)).bytes;
    },
  };
}

/** Puts chunks [from, to) together from the ranges that hold them. */
async function readChunks(plain: Uint8Array, head: number | undefined, from: number, to: number) {
  const copy = copyOf(plain, head);
  const form = chunkForm(plain.length, head === undefined ? undefined : envelopeOf(head));
  const found = new Map<number, Uint8Array>();
  const heads = new Map<number, Uint8Array>();
  const { first, end } = rangesOf(form, from, to);
  expect(end).toBeLessThanOrEqual(rangeCount(copy.size));
  for (let range = first; range < end; range++) {
    const opened = openRange(form, copy, range, await copy.range(range));
    for (let i = 0; i < opened.count; i++) {
      found.set(opened.first + i, opened.plain.slice(i * chunkBytes, (i + 1) * chunkBytes));
    }
    if (opened.before.length > 0) {
      const begun = heads.get(opened.first - 1);
      if (begun !== undefined) {
        const sealed = Buffer.concat([begun, opened.before]);
        found.set(opened.first - 1, openChunk(form, opened.first - 1, sealed));
      }
    }
    if (opened.after.length > 0) heads.set(opened.first + opened.count, opened.after);
    expect(opened.crc).toBe(crc32(opened.plain));
    // Each chunk of which a byte is here is named.
    const touched = chunksIn(form, copy.size, range);
    expect(touched.first).toBe(opened.first - (opened.before.length > 0 ? 1 : 0));
    expect(touched.end).toBe(opened.first + opened.count + (opened.after.length > 0 ? 1 : 0));
  }
  const wanted = Array.from({ length: to - from }, (_, i) => found.get(from + i));
  return Buffer.concat(wanted.map((chunk) => chunk ?? Buffer.from("missing")));
}

const sealedChunk = chunkBytes + 16;

describe("the chunks of an item", () => {
  it.each([
    ["empty", 0, 200],
    ["one byte", 1, 200],
    ["a chunk", chunkBytes, 200],
    ["a chunk and a byte", chunkBytes + 1, 200],
    ["a copy that ends with its range", rangeBytes - 200 - 31 * 16, 200],
    ["a last range of one byte", rangeBytes - 200 - 31 * 16 + 1, 200],
    ["a last range that begins within a tag", rangeBytes - 200 - 31 * 16 + 20, 200],
    ["chunks that begin with the ranges", 3 * rangeBytes, rangeBytes - 30 * sealedChunk],
    ["public: a byte", 1, undefined],
    ["public: a range", rangeBytes, undefined],
    ["public: a range and a byte", rangeBytes + 1, undefined],
  ])("are all in the ranges that are named for them: %s", async (_, size, head) => {
    const plain = generatedBytes("chunks", size);
    expect((await readChunks(plain, head, 0, chunkCount(size))).equals(plain)).toBe(true);
  });

  it("are in the ranges that are named for any span, of any size and head", async () => {
    const plain = generatedBytes("any", 3 * rangeBytes);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: plain.length }),
        fc.option(fc.integer({ min: 150, max: 4096 }), { nil: undefined }),
        fc.nat(),
        fc.nat(),
        async (size, head, a, b) => {
          const chunks = chunkCount(size);
          const from = a % chunks;
          const to = from + 1 + (b % (chunks - from));
          const item = plain.subarray(0, size);
          const read = await readChunks(item, head, from, to);
          expect(read.equals(item.subarray(from * chunkBytes, to * chunkBytes))).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("are not opened with a changed bit", async () => {
    const plain = generatedBytes("changed", 100_000);
    const copy = copyOf(plain, 200);
    const form = chunkForm(plain.length, envelopeOf(200));
    const bytes = await copy.range(0);
    bytes[70_000] = (bytes[70_000] as number) ^ 1;
    expect(() => openRange(form, copy, 0, bytes)).toThrow(/chunk 1: its tag does not match/);
  });
});

describe("a range that arrives", () => {
  it.each([
    ["here", 3_000_000],
    ["in a thread", 9_000_000],
  ])("is opened if it hashes to the root, %s", async (_, size) => {
    const plain = generatedBytes("arrives", size);
    const envelope = envelopeOf(200);
    const copy = await PieceCopy.make({ source: sourceOf(plain), envelope, name: "x" });
    const form = chunkForm(size, envelope);
    const whole = await openVerified(form, copy.entry, 1, { kind: "range", ...(await copy.range(1)) });
    const { first = 0, count = 0, plain: opened = new Uint8Array(0) } = whole ?? {};
    expect(count).toBeGreaterThan(10);
    const expected = plain.subarray(first * chunkBytes, (first + count) * chunkBytes);
    expect(Buffer.from(opened).equals(expected)).toBe(true);
    const sent = await copy.range(1);
    const siblings = sent.siblings.map((node) => Uint8Array.from(node, (byte) => byte ^ 1));
    expect(await openVerified(form, copy.entry, 1, { kind: "range", ...sent, siblings })).toBeUndefined();
    const short = (await copy.range(1)).bytes.slice(1);
    expect(
      await openVerified(form, copy.entry, 1, { kind: "range", siblings: sent.siblings, bytes: short }),
    ).toBeUndefined();
  });
});
