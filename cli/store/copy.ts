/** One copy of an item for one provider: the bytes that it stores, made by ranges, with their tree and the check of each range. */
import { createHash } from "node:crypto";
import type { Envelope } from "../../client/storing/age-envelope.ts";
import { SealedSource, type ByteSource } from "../../client/storing/age-stream.ts";
import { UpperTree } from "../../client/storing/upper-tree.ts";
import { concatBytes, equalBytes } from "../../storage/core/bytes.ts";
import { hashBytes, segmentBytes } from "../../storage/core/geometry.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeCount, rangePlace, rangeSegments } from "../../storage/core/range.ts";
import { SegmentHasher } from "../../storage/disk/segment-hasher.ts";
import { nodeCipher } from "./cipher.ts";
import { SourceChangedError } from "./unchanged-file.ts";

/** What has to be kept to make the same copy again; `envelope` is missing in a public one. */
export type CopyRecipe = {
  readonly source: ByteSource;
  readonly envelope: Envelope | undefined;
  readonly name: string;
};

export type ProvenRangeToSend = { readonly bytes: Uint8Array; readonly siblings: readonly Uint8Array[] };

const hasher = new SegmentHasher();

/** The bytes of a range, and what identifies its plain bytes: the tags of its chunks. */
type RangeBytes = { readonly bytes: Uint8Array; readonly tags: Uint8Array };

type Maker = { readonly size: number; readonly read: (range: number) => Promise<RangeBytes> };

function maker({ source, envelope }: CopyRecipe): Maker {
  if (envelope === undefined) {
    const none = new Uint8Array(0);
    const { size } = source;
    const read = async (range: number): Promise<RangeBytes> => {
      const { start, bytes } = rangePlace(size, range);
      return { bytes: await source.read(start, bytes), tags: none };
    };
    return { size, read };
  }
  const sealed = new SealedSource(source, envelope, nodeCipher);
  return {
    size: sealed.size,
    read: (range) => {
      const { start, bytes } = rangePlace(sealed.size, range);
      return sealed.read(start, bytes);
    },
  };
}

/** A public copy has no tags: the hash of the bytes themselves tells whether they changed. */
function checkOf({ bytes, tags }: RangeBytes): Uint8Array {
  return createHash("sha256")
    .update(tags.length > 0 ? tags : bytes)
    .digest();
}

export class PieceCopy {
  readonly entry: PieceEntry;
  readonly #tree: UpperTree;
  /** 32 bytes for each range. */
  readonly #checks: Uint8Array;
  readonly #recipe: CopyRecipe;
  readonly #read: (range: number) => Promise<RangeBytes>;

  private constructor(recipe: CopyRecipe, tree: UpperTree, checks: Uint8Array) {
    this.#recipe = recipe;
    this.#tree = tree;
    this.#checks = checks;
    this.entry = { root: tree.root, size: tree.size };
    this.#read = maker(recipe).read;
  }

  /** Reads the source once, and hashes what the provider is to store. Needs memory for one range, and 96 bytes for each. */
  static async make(
    recipe: CopyRecipe,
    { onBytes, signal }: { readonly onBytes?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
  ): Promise<PieceCopy> {
    const { size, read } = maker(recipe);
    const tree = UpperTree.builder(size);
    const ranges = rangeCount(size);
    const checks = new Uint8Array(ranges * hashBytes);
    for (let range = 0; range < ranges; range++) {
      signal?.throwIfAborted();
      const made = await read(range);
      checks.set(checkOf(made), range * hashBytes);
      const { bytes } = made;
      for (let i = 0; i * segmentBytes < bytes.length; i++) {
        const segment = bytes.subarray(i * segmentBytes, (i + 1) * segmentBytes);
        hasher.data.set(segment);
        hasher.data.fill(0, segment.length);
        tree.add(range * rangeSegments + i, Uint8Array.from(hasher.hashSegment()));
      }
      onBytes?.(bytes.length);
    }
    return new PieceCopy(recipe, tree.finish(), checks);
  }

  /** For the state on disk. */
  encode(): Uint8Array {
    return concatBytes(this.#checks, this.#tree.encode());
  }

  /** Undefined if the bytes are not those of this piece. */
  static decode(recipe: CopyRecipe, entry: PieceEntry, bytes: Uint8Array): PieceCopy | undefined {
    if (maker(recipe).size !== entry.size) return undefined;
    const length = rangeCount(entry.size) * hashBytes;
    const tree = UpperTree.decode(entry.size, entry.root, bytes.subarray(length));
    return tree === undefined ? undefined : new PieceCopy(recipe, tree, bytes.slice(0, length));
  }

  get ranges(): number {
    return rangeCount(this.entry.size);
  }

  /**
   * A range with its proof. The same bytes as at the first reading: other bytes under the same key would tell a provider about both.
   * @throws SourceChangedError if the source has changed
   */
  async range(range: number): Promise<ProvenRangeToSend> {
    const made = await this.#read(range);
    const check = this.#checks.subarray(range * hashBytes, (range + 1) * hashBytes);
    if (!equalBytes(checkOf(made), check)) {
      throw new SourceChangedError(
        `${this.#recipe.name} changed while it was stored; run the command again when nothing writes to it`,
      );
    }
    return { bytes: made.bytes, siblings: this.#tree.siblings(range) };
  }
}
