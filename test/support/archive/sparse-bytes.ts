/** Files of any size that are zeros but for a few parts: as pieces with proofs (R10), and as files on disk. Nothing here has all their bytes. */
import { open } from "node:fs/promises";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { pieceGeometry, segmentBytes, segmentHeight } from "../../../storage/core/geometry.ts";
import { nodeHash, rootHash, segmentRoot } from "../../../storage/core/merkle.ts";
import { rangePlace, runSiblings } from "../../../storage/core/range.ts";

export type Part = { readonly start: number; readonly bytes: Uint8Array };
export type SparseBytes = { readonly size: number; readonly parts: readonly Part[] };

/** Bytes from `start` on. */
export function bytesAt({ parts }: SparseBytes, start: number, count: number): Uint8Array {
  const out = new Uint8Array(count);
  for (const { start: at, bytes } of parts) {
    const [from, to] = [Math.max(at, start), Math.min(at + bytes.length, start + count)];
    if (from < to) out.set(bytes.subarray(from - at, to - at), from - start);
  }
  return out;
}

/** Writes a file with holes. */
export async function writeSparse(path: string, { size, parts }: SparseBytes): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.truncate(size);
    for (const { start, bytes } of parts) await file.write(bytes, 0, bytes.length, start);
  } finally {
    await file.close();
  }
}

const zeroTree = [segmentRoot(new Uint8Array(segmentBytes))];
const padding: Uint8Array[] = [new Uint8Array(32)];

function above(nodes: Uint8Array[], level: number): Uint8Array {
  while (nodes.length <= level) nodes.push(nodeHash(nodes.at(-1) as Uint8Array, nodes.at(-1) as Uint8Array));
  return nodes[level] as Uint8Array;
}

export class SparsePiece {
  readonly file: SparseBytes;
  readonly root: Hex;
  readonly #segments: number;
  readonly #nodes = new Map<string, Uint8Array>();

  constructor(file: SparseBytes) {
    this.file = file;
    const { segments, height } = pieceGeometry(file.size);
    this.#segments = segments;
    this.root = toHex(rootHash(file.size, this.#node(height - segmentHeight, 0)));
  }

  range(range: number): {
    readonly start: number;
    readonly bytes: Uint8Array;
    readonly proof: readonly Uint8Array[];
  } {
    const { size } = this.file;
    const { start, bytes } = rangePlace(size, range);
    const proof = runSiblings({ size, first: range, count: 1 }).map(({ level, index }) =>
      this.#node(level, index),
    );
    return { start, bytes: bytesAt(this.file, start, bytes), proof };
  }

  /** Level 0: the root of a segment. */
  #node(level: number, index: number): Uint8Array {
    const [from, to] = [index * 2 ** level, (index + 1) * 2 ** level];
    if (from >= this.#segments) return above(padding, level);
    const [start, end] = [from * segmentBytes, to * segmentBytes];
    const isZero = !this.file.parts.some(
      (part) => part.start < end && part.start + part.bytes.length > start,
    );
    if (isZero && to <= this.#segments) return above(zeroTree, level);
    const key = `${level} ${index}`;
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const { size } = this.file;
    const made =
      level === 0
        ? segmentRoot(bytesAt(this.file, start, Math.min(segmentBytes, size - start)))
        : nodeHash(this.#node(level - 1, 2 * index), this.#node(level - 1, 2 * index + 1));
    this.#nodes.set(key, made);
    return made;
  }
}
