/**
 * The part of a piece's tree above its ranges: 64 bytes for each range of 2 MB. With it every range can be sent with its proof, and
 * a run that was interrupted need not hash the piece again.
 */
import { concatBytes, equalBytes } from "../../storage/core/bytes.ts";
import { hashBytes, pieceGeometry, segmentHeight } from "../../storage/core/geometry.ts";
import { nodeHash, rootHash } from "../../storage/core/merkle.ts";
import { rangeSegments, rangeSiblings } from "../../storage/core/range.ts";
import { paddingHashes, TreeAccumulator } from "../../storage/core/tree-accumulator.ts";

/** Level of a range's top, with segment roots at level 0. */
const rangeLevel = Math.log2(rangeSegments);

/** Levels that are kept, lowest first, and the number of nodes that are no padding in each. */
function keptLevels(size: number): readonly number[] {
  const { segments, height } = pieceGeometry(size);
  const all = height - segmentHeight;
  const counts: number[] = [];
  for (let level = rangeLevel; level <= all; level++) counts.push(Math.ceil(segments / 2 ** level));
  return counts;
}

export class UpperTree {
  readonly size: number;
  /** SHA-256 root of the piece (R10). */
  readonly root: Uint8Array;
  readonly #levels: readonly Uint8Array[];

  private constructor(size: number, root: Uint8Array, levels: readonly Uint8Array[]) {
    this.size = size;
    this.root = root;
    this.#levels = levels;
  }

  /** @returns `add` takes the segment roots in any order; `finish` gives the tree after all of them. */
  static builder(size: number): { add(index: number, root: Uint8Array): void; finish(): UpperTree } {
    const { segments } = pieceGeometry(size);
    const levels = keptLevels(size).map((count) => new Uint8Array(count * hashBytes));
    const accumulator = new TreeAccumulator(segments, (level, index, hash) => {
      levels[level - rangeLevel]?.set(hash, index * hashBytes);
    });
    return {
      add: (index, root) => accumulator.add(index, root),
      finish: () => new UpperTree(size, rootHash(size, accumulator.finish()), levels),
    };
  }

  /** The nodes beside the path from a range to the root, lowest first (`rangeSiblings`). */
  siblings(range: number): Uint8Array[] {
    const padding = paddingHashes(rangeLevel + this.#levels.length);
    return rangeSiblings(this.size, range).map(({ level, index }) => {
      const nodes = this.#levels[level - rangeLevel];
      const start = index * hashBytes;
      return nodes !== undefined && start < nodes.length
        ? nodes.slice(start, start + hashBytes)
        : (padding[level] as Uint8Array);
    });
  }

  /** The kept nodes; `decode` checks them against the root. */
  encode(): Uint8Array {
    return concatBytes(...this.#levels);
  }

  /** Undefined unless the nodes are a tree of exactly this piece. */
  static decode(size: number, root: Uint8Array, bytes: Uint8Array): UpperTree | undefined {
    const counts = keptLevels(size);
    if (bytes.length !== counts.reduce((sum, count) => sum + count * hashBytes, 0)) return undefined;
    const levels: Uint8Array[] = [];
    let offset = 0;
    for (const count of counts) levels.push(bytes.slice(offset, (offset += count * hashBytes)));
    const padding = paddingHashes(rangeLevel + levels.length);
    for (const [i, level] of levels.entries()) {
      const above = levels[i + 1] ?? new Uint8Array(0);
      for (let at = 0; at < above.length; at += hashBytes) {
        const left = level.subarray(2 * at, 2 * at + hashBytes);
        const right = level.subarray(2 * at + hashBytes, 2 * at + 2 * hashBytes);
        const parent = nodeHash(left, right.length === 0 ? (padding[rangeLevel + i] as Uint8Array) : right);
        if (!equalBytes(parent, above.subarray(at, at + hashBytes))) return undefined;
      }
    }
    const top = levels.at(-1);
    // A piece of fewer segments than a range keeps nothing, and no range of it has a sibling.
    if (top !== undefined && !equalBytes(rootHash(size, top), root)) return undefined;
    return new UpperTree(size, root, levels);
  }
}
