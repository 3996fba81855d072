/** Where the ranges of a file are kept while it is read: on disk, in a browser's storage, or in memory. */
import { rangeCount } from "../../storage/core/range.ts";

export type KeptRange = {
  readonly range: number;
  /** The node of the piece's tree above the bytes. */
  readonly top: Uint8Array;
  /** Name of the source that sent them. */
  readonly source: string;
  /** False: the bytes may be wrong, until the tree says otherwise. */
  readonly isProven: boolean;
};

/** A store that outlives the reading lets the next one continue. */
export type RangeStore = {
  /** What an earlier reading left. */
  readonly kept: readonly KeptRange[];
  /**
   * Keeps a copy of the bytes, whose memory is used again afterwards, in place of others that the range had. Calls may overlap, but not for one
   * range.
   */
  put(kept: KeptRange, bytes: Uint8Array): Promise<void>;
  /** The bytes of these ranges are right. */
  prove(ranges: readonly number[]): Promise<void>;
  /** The bytes of these ranges are not used any more. */
  drop(ranges: readonly number[]): Promise<void>;
  /** The bytes of a range that is kept. */
  read(range: number): Promise<Uint8Array>;
};

/** Keeps a file in memory. `parts` are its ranges in order, for example for a Blob. */
export function memoryStore(size: number): RangeStore & { parts(): Uint8Array[] } {
  const parts: Uint8Array[] = Array.from({ length: rangeCount(size) }, () => new Uint8Array());
  return {
    kept: [],
    put: ({ range }, bytes) => {
      parts[range] = Uint8Array.from(bytes);
      return Promise.resolve();
    },
    prove: () => Promise.resolve(),
    drop: () => Promise.resolve(),
    read: (range) => Promise.resolve(parts[range] as Uint8Array),
    parts: () => parts,
  };
}
