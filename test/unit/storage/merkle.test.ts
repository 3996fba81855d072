/** R10: all implementations of the root agree with the naive model. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { fastPrimitives } from "../../../daemon/hashing/install.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import { segmentBytes, pieceGeometry, treeIndex } from "../../../storage/core/geometry.ts";
import { leafHash, pieceRoot, rootHash, segmentRoot, topHash } from "../../../storage/core/merkle.ts";
import { installPrimitives, purePrimitives } from "../../../storage/core/primitives.ts";
import { TreeAccumulator, paddingHashes } from "../../../storage/core/tree-accumulator.ts";
import { PieceSourceError, hashFile } from "../../../storage/disk/hash-file.ts";
import type { HashProgress } from "../../../storage/disk/hash-file.ts";
import { SegmentHasher } from "../../../storage/disk/segment-hasher.ts";
import { seededBytes, seededNumbers, temporaryFolder } from "../../support/files.ts";
import { naiveRoot } from "../../support/naive-piece.ts";

/** Sizes around each boundary: a byte, a leaf, the last leaf of a segment, a segment, 2^k segments. */
const pieceSizes = [
  1,
  1023,
  1024,
  1025,
  4096,
  123 * 1024 + 1,
  segmentBytes - 1,
  segmentBytes,
  segmentBytes + 1,
  2 * segmentBytes,
  3 * segmentBytes - 500,
  5 * segmentBytes + 12_345,
  8 * segmentBytes,
];

describe("the root of a piece (R10)", () => {
  it.each(pieceSizes)(
    "of %i bytes equals the naive model's: in memory with pure and fast hashes, and from a file",
    async (size) => {
      const bytes = seededBytes(size, size);
      const expected = toHex(naiveRoot(bytes));
      for (const primitives of [purePrimitives(), fastPrimitives()]) {
        installPrimitives(primitives);
        expect(toHex(pieceRoot(bytes))).toBe(expected);
      }
      const file = join(await temporaryFolder(), "piece");
      await writeFile(file, bytes);
      const hashed = await hashFile(file);
      expect(toHex(hashed.root)).toBe(expected);
      expect(hashed).toMatchObject({ size, segments: Math.ceil(size / 126_976) });
    },
  );

  it("of a file of many chunks is the same with one and with three threads, and progress reaches the end", async () => {
    const bytes = seededBytes(33 * segmentBytes + 7, 5);
    const expected = toHex(naiveRoot(bytes));
    const file = join(await temporaryFolder(), "piece");
    await writeFile(file, bytes);
    for (const workers of [1, 3]) {
      const seen: HashProgress[] = [];
      const hashed = await hashFile(file, { workers, onProgress: (progress) => seen.push(progress) });
      expect(toHex(hashed.root)).toBe(expected);
      expect(seen.at(-1)).toMatchObject({ bytesDone: bytes.length, bytesTotal: bytes.length });
    }
  });

  it("has a fixed value for a known file", () => {
    const zeroLeaf = createHash("sha256").update(Buffer.alloc(1025)).digest();
    expect(toHex(leafHash(new Uint8Array()))).toBe(toHex(zeroLeaf));
    const text = new TextEncoder().encode("whitepay");
    const fixed = "0xeadff15444a33cc45b9608113bf217f3ba46c26f1968141080d634bc57ab89f8";
    expect(toHex(pieceRoot(text))).toBe(fixed);
    expect(toHex(naiveRoot(text))).toBe(fixed);
  });

  it("depends on the size: zeros at the end give another root", () => {
    const short = pieceRoot(new Uint8Array(100));
    const long = pieceRoot(new Uint8Array(101));
    expect(toHex(short)).not.toBe(toHex(long));
  });

  it("changes with any one bit of the file", () => {
    const bytes = seededBytes(2 * segmentBytes + 3000, 8);
    const before = toHex(pieceRoot(bytes));
    const next = seededNumbers(11);
    for (let i = 0; i < 40; i++) {
      const bit = next() % (bytes.length * 8);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(toHex(pieceRoot(bytes)), `bit ${bit}`).not.toBe(before);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(toHex(pieceRoot(bytes))).toBe(before);
  });
});

describe("files that cannot be pieces are refused with the reason", () => {
  it("a missing file, a folder, an empty file, impossible sizes", async () => {
    const folder = await temporaryFolder();
    const empty = join(folder, "empty");
    await writeFile(empty, "");
    await expect(hashFile(join(folder, "none"))).rejects.toThrow(/no such file/);
    await expect(hashFile(folder)).rejects.toThrow(/expected a file, actual a directory/);
    await expect(hashFile(empty)).rejects.toThrow(/at least 1 byte/);
    for (const size of [0, -1, 1.5, 2 ** 53]) expect(() => pieceGeometry(size)).toThrow(RangeError);
    expect(() => pieceRoot(new Uint8Array())).toThrow(RangeError);
  });

  it("a pipe and a socket, without opening them (the opening of a pipe without a writer blocks)", async () => {
    const folder = await temporaryFolder();
    const [pipe, socket] = [join(folder, "pipe"), join(folder, "socket")];
    execFileSync("mkfifo", [pipe]);
    const server = createServer().listen(socket);
    await once(server, "listening");
    for (const file of [pipe, socket]) {
      const refused = await hashFile(file).catch((error: unknown) => error);
      expect(refused, file).toBeInstanceOf(PieceSourceError);
      expect((refused as Error).message).toMatch(/expected a regular file, actual a device, pipe or socket/);
    }
    await promisify(server.close.bind(server))();
  });

  it("stops when it is aborted", async () => {
    const file = join(await temporaryFolder(), "piece");
    await writeFile(file, seededBytes(40 * segmentBytes, 2));
    const stopped = new AbortController();
    const work = hashFile(file, {
      workers: 1,
      signal: stopped.signal,
      onProgress: () => stopped.abort(new Error("enough")),
    });
    await expect(work).rejects.toThrow("enough");
    await expect(hashFile(file, { signal: AbortSignal.abort(new Error("never began")) })).rejects.toThrow(
      "never",
    );
  });
});

describe("the parts of the tree", () => {
  it("a reused segment hasher returns the right root for each segment", () => {
    const hasher = new SegmentHasher();
    for (const size of [segmentBytes, 1, 4096, segmentBytes - 1, 60_000]) {
      const bytes = seededBytes(size, size);
      hasher.data.fill(0);
      hasher.data.set(bytes);
      expect(toHex(hasher.hashSegment())).toBe(toHex(segmentRoot(bytes)));
    }
  });

  it("the accumulator accepts segments in any order, and refuses a wrong count", () => {
    for (const count of [1, 2, 3, 5, 6, 7, 8, 9, 13, 16, 17]) {
      const roots = Array.from({ length: count }, (_, i) => seededBytes(32, i + 1));
      const order = roots.map((_, i) => i);
      const next = seededNumbers(count);
      for (let i = count - 1; i > 0; i--) {
        const j = next() % (i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      const seen = new Set<string>();
      const onNode = (level: number, index: number): void => {
        expect(seen.has(`${level}/${index}`)).toBe(false);
        seen.add(`${level}/${index}`);
      };
      const accumulator = new TreeAccumulator(count, onNode);
      for (const i of order.slice(1)) accumulator.add(i, roots[i]!);
      expect(() => accumulator.finish()).toThrow(/segments/);
      accumulator.add(order[0]!, roots[order[0]!]!);
      expect(toHex(accumulator.finish())).toBe(toHex(topHash(roots)));
      expect(() => accumulator.add(count, roots[0]!)).toThrow(RangeError);
    }
  });

  it("padding hashes are the tops of trees over padding", () => {
    const padding = paddingHashes(4);
    for (const [level, hash] of padding.entries()) {
      const zeros = Array.from({ length: 2 ** level }, () => new Uint8Array(32));
      expect(toHex(hash)).toBe(toHex(topHash(zeros)));
    }
  });

  it("the root hashes the size before the top, and leaf indices skip the padding of each segment", () => {
    const bytes = seededBytes(segmentBytes, 3);
    expect(toHex(pieceRoot(bytes))).toBe(toHex(rootHash(bytes.length, segmentRoot(bytes))));
    expect([0, 123, 124, 247, 248].map(treeIndex)).toEqual([0, 123, 128, 251, 256]);
  });
});
