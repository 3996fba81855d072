/**
 * A piece that arrives in ranges, in any order. Each range is verified against the piece's root before it is written. Beside `data` and
 * `tree` the folder has `ranges`, one bit for each range. A bit is written after its range is on the disk, so after a crash or a power
 * failure every range with a bit is whole.
 */
import { constants, open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { equalBytes, toHex } from "../core/bytes.ts";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import { nodeHash, rootHash } from "../core/merkle.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { rangeCount, rangePlace, rangeSegments } from "../core/range.ts";
import { paddingHashes } from "../core/tree-accumulator.ts";
import { namingFullDisk } from "./disk-full.ts";
import { hashedBytes } from "./range-hashes.ts";
import type { HashedBytes } from "./range-hashes.ts";
import { leadsToRoot } from "./range-reader.ts";
import { layerBytes } from "./segment-hasher.ts";
import type { PieceStore } from "./store.ts";
import { encodeTreeHeader, treeHeaderBytes, treeLayout } from "./tree-file.ts";
import type { TreeLayout } from "./tree-file.ts";
import { LostPartsError } from "./volumes/volume.ts";
import type { IncomingPiece } from "./volumes/volume.ts";

/** A range with what the tree file holds of it. */
export type VerifiedRange = HashedBytes & { readonly range: number };

/**
 * Undefined if the range does not hash to the piece's root with these siblings. The caller gives the
 * buffer of `bytes` away (`hashedBytes`).
 * @throws RangeError if the piece has no such range
 */
export async function verifiedRange(
  entry: PieceEntry,
  range: number,
  { bytes, siblings }: { readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] },
): Promise<VerifiedRange | undefined> {
  if (bytes.length !== rangePlace(entry.size, range).bytes) return undefined;
  const hashed = await hashedBytes(bytes);
  return leadsToRoot(entry, range, { ...hashed, siblings }) ? { range, ...hashed } : undefined;
}

/** Ranges whose write has begun together: one fsync serves all of them. */
type Batch = { readonly ranges: VerifiedRange[]; readonly done: Promise<void> };

/** One process receives a piece at a time. */
export class IncomingRanges {
  readonly entry: PieceEntry;
  readonly #store: PieceStore;
  readonly #bits: Uint8Array;
  readonly #layout: TreeLayout;
  readonly count: number;
  #stored = 0;
  #waiting: Batch | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(store: PieceStore, entry: PieceEntry, bits: Uint8Array) {
    this.entry = entry;
    this.#store = store;
    this.#bits = bits;
    this.#layout = treeLayout(entry.size);
    this.count = rangeCount(entry.size);
    for (let range = 0; range < this.count; range++) if (this.has(range)) this.#stored++;
  }

  /** Continues with what is on the disk already; writes nothing. */
  static async open(store: PieceStore, entry: PieceEntry): Promise<IncomingRanges> {
    const bits = new Uint8Array(Math.ceil(rangeCount(entry.size) / 8));
    const begun = await store.begunIncoming(entry);
    // Another length: somebody names the root with another size, which no range can match.
    const length = await begun?.size();
    if (begun !== undefined && length === entry.size) {
      const kept = await readFile(rangesFile(begun)).catch(() => undefined);
      bits.set((kept ?? new Uint8Array()).subarray(0, bits.length));
    }
    return new IncomingRanges(store, entry, bits);
  }

  has(range: number): boolean {
    return (((this.#bits[range >> 3] ?? 0) >> (range & 7)) & 1) === 1;
  }

  get isComplete(): boolean {
    return this.#stored === this.count;
  }

  /** Writes a verified range; it is durable when this resolves. A range that is stored already stays. */
  write(verified: VerifiedRange): Promise<void> {
    if (this.has(verified.range)) return Promise.resolve();
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      waiting.ranges.push(verified);
      return waiting.done;
    }
    const ranges = [verified];
    const done = this.#writing.then(() => {
      this.#waiting = undefined;
      return this.#writeBatch(ranges);
    });
    this.#waiting = { ranges, done };
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #writeBatch(ranges: readonly VerifiedRange[]): Promise<void> {
    const piece = await this.#store.incoming(this.entry);
    const fresh = ranges.filter(({ range }, i) => {
      return !this.has(range) && ranges.findIndex((other) => other.range === range) === i;
    });
    await namingFullDisk(piece.dir, async () => {
      const data = piece.write(fresh, (range) => this.has(range));
      const ended = await Promise.allSettled([data, this.#writeTree(piece, fresh)]);
      for (const one of ended) if (one.status === "rejected") throw one.reason;
      await this.#setBits(
        piece,
        fresh.map(({ range }) => range),
      );
    });
  }

  #writeTree({ tree }: IncomingPiece, ranges: readonly VerifiedRange[]): Promise<void> {
    return withFile(tree, "r+", async (file) => {
      for (const { range, roots, layers } of ranges) {
        const first = range * rangeSegments;
        await writeAll(file, layers, this.#layout.layerOffset(first));
        await writeAll(file, roots, this.#layout.nodeOffset(0, first));
      }
      await file.datasync();
    });
  }

  async #setBits(piece: IncomingPiece, ranges: readonly number[]): Promise<void> {
    const bits = Uint8Array.from(this.#bits);
    for (const range of ranges) bits[range >> 3] = (bits[range >> 3] ?? 0) | (1 << (range & 7));
    // Neither truncates the file nor appends to it.
    const flags = constants.O_RDWR | constants.O_CREAT;
    await withFile(rangesFile(piece), flags, async (file) => {
      for (const at of new Set(ranges.map((range) => range >> 3))) {
        await writeAll(file, bits.subarray(at, at + 1), at);
      }
      await file.datasync();
    });
    this.#bits.set(bits);
    this.#stored += ranges.length;
  }

  /**
   * Completes the tree file and publishes the piece, durably; after a crash it begins again with what is on the disk.
   * @throws Error if the tree file was damaged meanwhile
   * @throws LostPartsError if the bytes are gone: then nothing is stored any more
   */
  async publish(): Promise<void> {
    await this.#writing;
    if (!this.isComplete) throw new Error(`${toHex(this.entry.root)}: expected all ranges, actual fewer`);
    const { root, size } = this.entry;
    const { dir, tree } = await this.#store.incoming(this.entry);
    await namingFullDisk(dir, () =>
      withFile(tree, "r+", async (file) => {
        const found = rootHash(size, await this.#fillUpperLevels(file));
        if (!equalBytes(found, root)) {
          throw new Error(`${tree}: damaged: expected the root ${toHex(root)}, actual ${toHex(found)}`);
        }
        await writeAll(file, encodeTreeHeader(size, root), 0);
      }),
    );
    await this.#store.publishIncoming(this.entry).catch(async (error: unknown) => {
      if (error instanceof LostPartsError) await this.#forget();
      throw error;
    });
    await rm(join(this.#store.pieceDir(root), "ranges"), { force: true });
  }

  async #forget(): Promise<void> {
    await this.#store.dropIncoming(this.entry);
    this.#bits.fill(0);
    this.#stored = 0;
  }

  /** Computes each level of the tree file from the one below it, in blocks. Returns the top. */
  async #fillUpperLevels(tree: FileHandle): Promise<Uint8Array> {
    const layout = this.#layout;
    const { topHeight } = layout;
    const padding = paddingHashes(topHeight);
    for (let level = 0; level < topHeight; level++) {
      const count = layout.nodeCount(level);
      for (let first = 0; first < count; first += blockNodes) {
        const nodes = Math.min(blockNodes, count - first);
        const below = await readAll(tree, nodes * hashBytes, layout.nodeOffset(level, first));
        const above = Buffer.alloc(Math.ceil(nodes / 2) * hashBytes);
        for (let i = 0; i < nodes; i += 2) {
          const left = below.subarray(i * hashBytes, (i + 1) * hashBytes);
          const hasRight = i + 1 < nodes;
          const right = hasRight ? below.subarray((i + 1) * hashBytes, (i + 2) * hashBytes) : padding[level];
          above.set(nodeHash(left, right as Uint8Array), (i / 2) * hashBytes);
        }
        await writeAll(tree, above, layout.nodeOffset(level + 1, first / 2));
        await nextTurn();
      }
    }
    return readAll(tree, hashBytes, layout.nodeOffset(topHeight, 0));
  }
}

/** Nodes that are hashed at once, an even number: some milliseconds. */
const blockNodes = 4096;

/** Bytes of `bytes` on disk that are data, and not its tree: for a volume of which so many are free. */
export function dataBytesWithin(bytes: number): number {
  const perSegment = segmentBytes + layerBytes + 2 * hashBytes;
  return Math.max(0, Math.floor(((bytes - treeHeaderBytes) / perSegment) * segmentBytes));
}

function rangesFile({ dir }: IncomingPiece): string {
  return join(dir, "ranges");
}

async function withFile<T>(
  path: string,
  flags: string | number,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function readAll(file: FileHandle, count: number, position: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, position);
  if (bytesRead !== count) throw new Error(`tree file: expected ${count} bytes, actual ${bytesRead}`);
  return buffer;
}
