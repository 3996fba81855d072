/** Ranges of a piece: each has its own proof for every size of the piece, and no other bytes pass. */
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { segmentBytes } from "../../../storage/core/geometry.ts";
import { rangeBytes, rangeCount, rangePlace, rangeRoot, rangeSiblings } from "../../../storage/core/range.ts";
import { segmentRoot } from "../../../storage/core/merkle.ts";
import { filesIn } from "../../../storage/disk/readable-piece.ts";
import { readRange, verifyRange } from "../../../storage/disk/range-reader.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

/** One byte, a segment, one range, one byte more, several ranges with a short last one, 17 ranges. */
const sizes = [1, segmentBytes + 1, rangeBytes, rangeBytes + 1, 3 * rangeBytes - 5, 17 * rangeBytes - 70_000];

async function stored(size: number) {
  const folder = await temporaryFolder();
  const bytes = seededBytes(size, size);
  const file = join(folder, "file");
  await writeFile(file, bytes);
  const store = await PieceStore.open(join(folder, "store"));
  const entry = await store.ingest(file);
  return { bytes, store, entry, dir: store.pieceDir(entry.root) };
}

describe("ranges", () => {
  it.each(sizes)("of a stored piece of %i bytes have valid proofs and compose the piece", async (size) => {
    const { bytes, store, entry } = await stored(size);
    expect(rangeCount(size)).toBe(Math.ceil(size / rangeBytes));
    for (let range = 0; range < rangeCount(size); range++) {
      const proven = await store.readRange(entry, range);
      const { start, bytes: length } = rangePlace(size, range);
      expect(Buffer.compare(proven?.bytes ?? Buffer.alloc(0), bytes.subarray(start, start + length))).toBe(0);
      expect(proven?.siblings).toHaveLength(rangeSiblings(size, range).length);
      expect(proven !== undefined && verifyRange(entry, range, proven)).toBe(true);
    }
    await expect(store.readRange(entry, rangeCount(size))).rejects.toThrow(RangeError);
  });

  it("have proofs that are invalid for a changed byte, another position, another size and a surplus node", async () => {
    const { entry, store } = await stored(3 * rangeBytes - 5);
    const proven = await store.readRange(entry, 1);
    if (proven === undefined) throw new Error("the range is not there");
    const changed = Uint8Array.from(proven.bytes);
    changed[segmentBytes] = (changed[segmentBytes] ?? 0) ^ 1;
    expect(verifyRange(entry, 1, { ...proven, bytes: changed })).toBe(false);
    expect(verifyRange(entry, 0, proven)).toBe(false);
    expect(verifyRange({ ...entry, size: entry.size + 1 }, 1, proven)).toBe(false);
    expect(verifyRange(entry, 1, { ...proven, bytes: proven.bytes.subarray(1) })).toBe(false);
    expect(verifyRange(entry, 1, { ...proven, siblings: [...proven.siblings, new Uint8Array(32)] })).toBe(
      false,
    );
    expect(verifyRange(entry, 1, { ...proven, siblings: proven.siblings.toReversed() })).toBe(false);
  });

  it("that are damaged on disk are not returned, and undamaged ones are", async () => {
    const { entry, dir } = await stored(3 * rangeBytes);
    const data = await readFile(join(dir, "data"));
    data[rangeBytes + 7] = (data[rangeBytes + 7] ?? 0) ^ 1;
    await chmod(join(dir, "data"), 0o644);
    await writeFile(join(dir, "data"), data);
    expect(await readRange(filesIn(dir), entry, 0)).toBeDefined();
    expect(await readRange(filesIn(dir), entry, 1)).toBeUndefined();
    await writeFile(join(dir, "data"), data.subarray(0, rangeBytes - 1));
    expect(await readRange(filesIn(dir), entry, 0)).toBeUndefined();
    expect(await readRange(filesIn(join(dir, "nowhere")), entry, 0)).toBeUndefined();
  });

  it("have roots that match their segment roots and siblings, and none if one is missing", async () => {
    const size = rangeBytes + 2 * segmentBytes + 5;
    const { entry, store, bytes } = await stored(size);
    const segmentRoots = [0, 1, 2].map((i) => {
      const start = rangeBytes + i * segmentBytes;
      return segmentRoot(bytes.subarray(start, start + segmentBytes));
    });
    const siblings = (await store.readRange(entry, 1))?.siblings ?? [];
    const place = { size, range: 1 };
    expect(rangeRoot(place, { segmentRoots, siblings })).toEqual(Uint8Array.from(entry.root));
    expect(rangeRoot(place, { segmentRoots: segmentRoots.slice(1), siblings })).toBeUndefined();
    expect(rangeRoot(place, { segmentRoots, siblings: [] })).toBeUndefined();
  });
});
