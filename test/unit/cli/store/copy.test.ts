import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newEnvelope } from "../../../../client/storing/age-envelope.ts";
import { SealedSource, type ByteSource } from "../../../../client/storing/age-stream.ts";
import { payerIdentity } from "../../../../client/storing/payer-identity.ts";
import { nodeCipher } from "../../../../cli/store/cipher.ts";
import { PieceCopy } from "../../../../cli/store/copy.ts";
import { segmentBytes } from "../../../../storage/core/geometry.ts";
import { rangeBytes } from "../../../../storage/core/range.ts";
import { verifyRange } from "../../../../storage/disk/range-reader.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";

function sourceOf(bytes: Uint8Array): ByteSource & { bytes: Uint8Array } {
  const source = {
    size: bytes.length,
    bytes,
    read: (start: number, count: number) => Promise.resolve(source.bytes.slice(start, start + count)),
  };
  return source;
}

const envelope = async () => newEnvelope((await payerIdentity(`0x${"31".repeat(32)}`)).recipient);
const sizes = [
  1,
  1024,
  segmentBytes,
  segmentBytes + 1,
  rangeBytes - 1,
  rangeBytes,
  rangeBytes + 1,
  5 * rangeBytes + 3,
];

describe("a copy", () => {
  it.each(sizes)(
    "of %d public bytes has ranges that hash to its root, also after it was kept on disk",
    async (size) => {
      const recipe = {
        source: sourceOf(generatedBytes(`copy ${size}`, size)),
        envelope: undefined,
        name: "x",
      };
      const copy = await PieceCopy.make(recipe);
      const kept = PieceCopy.decode(recipe, copy.entry, copy.encode());
      if (kept === undefined) throw new Error("the kept tree is refused");
      for (let range = 0; range < copy.ranges; range++) {
        expect(verifyRange(copy.entry, range, await copy.range(range))).toBe(true);
        expect(verifyRange(copy.entry, range, await kept.range(range))).toBe(true);
      }
    },
  );

  it("of private bytes is the age file, and another one for every provider", async () => {
    const source = sourceOf(generatedBytes("private", 2 * rangeBytes + 100));
    const recipe = { source, envelope: await envelope(), name: "x" };
    const copy = await PieceCopy.make(recipe);
    const sealed = new SealedSource(source, recipe.envelope, nodeCipher);
    expect(copy.entry.size).toBe(sealed.size);
    const sent = await Promise.all(Array.from({ length: copy.ranges }, (_, range) => copy.range(range)));
    const whole = Buffer.concat(sent.map(({ bytes }) => bytes));
    expect(whole.equals((await sealed.read(0, sealed.size)).bytes)).toBe(true);
    for (const [range, proven] of sent.entries()) expect(verifyRange(copy.entry, range, proven)).toBe(true);
    const other = await PieceCopy.make({ ...recipe, envelope: await envelope() });
    expect(other.entry.root).not.toEqual(copy.entry.root);
  });

  it.each([
    ["private", true],
    ["public", false],
  ])("of %s bytes gives no range of a source that changed after it was hashed", async (_, isPrivate) => {
    const source = sourceOf(generatedBytes("changes", 2 * rangeBytes));
    const copy = await PieceCopy.make({
      source,
      envelope: isPrivate ? await envelope() : undefined,
      name: "photos/a.jpg",
    });
    const changed = Uint8Array.from(source.bytes);
    changed[rangeBytes + 9] = (changed[rangeBytes + 9] as number) ^ 1;
    source.bytes = changed;
    await expect(copy.range(0)).resolves.toBeDefined();
    await expect(copy.range(1)).rejects.toThrow(/photos\/a\.jpg changed/);
  });

  it("is not read from disk with any changed byte of its tree", async () => {
    const recipe = {
      source: sourceOf(generatedBytes("kept", 5 * rangeBytes)),
      envelope: undefined,
      name: "x",
    };
    const copy = await PieceCopy.make(recipe);
    const bytes = copy.encode();
    const checks = copy.ranges * 32;
    fc.assert(
      fc.property(fc.integer({ min: checks, max: bytes.length - 1 }), (at) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] as number) ^ 4;
        return PieceCopy.decode(recipe, copy.entry, damaged) === undefined;
      }),
    );
    expect(PieceCopy.decode(recipe, copy.entry, bytes.subarray(1))).toBeUndefined();
    expect(
      PieceCopy.decode({ ...recipe, source: sourceOf(new Uint8Array(9)) }, copy.entry, bytes),
    ).toBeUndefined();
  });
});
