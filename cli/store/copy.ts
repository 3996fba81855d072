/** One copy of an item for one provider: the bytes that it stores, made by ranges, with their tree and the check of each range. */
import type { Envelope } from "../../client/storing/age-envelope.ts";
import type { ByteSource } from "../../client/storing/age-stream.ts";
import { UpperTree } from "../../client/storing/upper-tree.ts";
import { concatBytes, equalBytes } from "../../storage/core/bytes.ts";
import { hashBytes } from "../../storage/core/geometry.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeCount, rangeSegments } from "../../storage/core/range.ts";
import { rootsOf } from "../../storage/disk/range-hashes.ts";
import { rangeMaker, type RangeMaker } from "./copy-range.ts";
import { inAllLanes } from "./lanes.ts";
import { SourceChangedError } from "./unchanged-file.ts";

/** Values that must be kept to make the same copy again; `envelope` is missing in a public one. */
export type CopyRecipe = {
  readonly source: ByteSource;
  readonly envelope: Envelope | undefined;
  readonly name: string;
};

export type ProvenRangeToSend = { readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] };

export class PieceCopy {
  readonly entry: PieceEntry;
  readonly #tree: UpperTree;
  /** 32 bytes for each range. */
  readonly #checks: Uint8Array;
  readonly #name: string;
  readonly #maker: RangeMaker;

  private constructor(name: string, maker: RangeMaker, tree: UpperTree, checks: Uint8Array) {
    this.#name = name;
    this.#maker = maker;
    this.#tree = tree;
    this.#checks = checks;
    this.entry = { root: tree.root, size: tree.size };
  }

  /**
   * Reads the source once, and hashes what the provider is to store. Needs memory for a few ranges at a time, and 96 bytes for each range.
   */
  static async make(
    recipe: CopyRecipe,
    { onBytes, signal }: { readonly onBytes?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
  ): Promise<PieceCopy> {
    const maker = rangeMaker(recipe);
    const { size } = maker;
    const tree = UpperTree.builder(size);
    const ranges = rangeCount(size);
    const checks = new Uint8Array(ranges * hashBytes);
    let next = 0;
    await inAllLanes(maker.width, async () => {
      signal?.throwIfAborted();
      if (next === ranges) return false;
      const range = next++;
      const { length, check, roots } = await maker.hash(range);
      checks.set(check, range * hashBytes);
      for (const [i, root] of rootsOf({ roots }).entries()) tree.add(range * rangeSegments + i, root);
      onBytes?.(length);
      return true;
    });
    return new PieceCopy(recipe.name, maker, tree.finish(), checks);
  }

  /** For the state on disk. */
  encode(): Uint8Array {
    return concatBytes(this.#checks, this.#tree.encode());
  }

  /** Undefined if the bytes are not those of this piece. */
  static decode(recipe: CopyRecipe, entry: PieceEntry, bytes: Uint8Array): PieceCopy | undefined {
    const maker = rangeMaker(recipe);
    if (maker.size !== entry.size) return undefined;
    const length = rangeCount(entry.size) * hashBytes;
    const tree = UpperTree.decode(entry.size, entry.root, bytes.subarray(length));
    return tree === undefined ? undefined : new PieceCopy(recipe.name, maker, tree, bytes.slice(0, length));
  }

  get ranges(): number {
    return rangeCount(this.entry.size);
  }

  /**
   * A range with its proof. The same bytes as at the first reading: other bytes under the same key would tell a provider about both.
   * @throws SourceChangedError if the source has changed
   */
  async range(range: number): Promise<ProvenRangeToSend> {
    const { bytes, check } = await this.#maker.make(range);
    if (!equalBytes(check, this.#checks.subarray(range * hashBytes, (range + 1) * hashBytes))) {
      throw new SourceChangedError(
        `${this.#name} changed while it was stored; run the command again when nothing writes to it`,
      );
    }
    return { bytes, siblings: this.#tree.siblings(range) };
  }
}
