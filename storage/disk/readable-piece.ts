/** What readers need of a piece, whether its files are on a disk or in an object store. */
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PieceEntry } from "../core/piece-list.ts";
import { syncPath, writeFileAtomic } from "./atomic-write.ts";
import { makeFiles } from "./make-tree.ts";
import { dataPath, openData, readSource, sourceText } from "./piece-files.ts";
import type { SourceNote } from "./piece-files.ts";

/** A file of a piece, open for reading; Node's FileHandle is one. */
export type ReadFile = {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
};

/** The files of a piece on one volume: on a disk, or as objects of an object store. */
export interface PieceFiles {
  /** Where they are, for messages. */
  readonly place: string;
  /** Whether the tree can be changed in parts, and read whole while a keeper waits. */
  readonly isLocal: boolean;
  /** Whether the volume has the piece still. */
  isThere(): Promise<boolean>;
  /** Name of the file or object with the bytes. */
  dataName(): Promise<string>;
  openData(): Promise<ReadFile>;
  openTree(): Promise<ReadFile>;
  /**
   * Reads ahead what the proofs of these leaves need, with few requests. Returns the leaves that cannot be read now, with the reason.
   */
  prepareLeaves(entry: PieceEntry, leaves: readonly number[]): Promise<ReadonlyMap<number, string>>;
  /** Reads ahead what the proof of a range needs. */
  prepareRange(entry: PieceEntry, range: number): Promise<void>;
  /** Only if `isLocal`. */
  patchTree(offset: number, bytes: Uint8Array): Promise<void>;
  /** Only if `isLocal`. */
  replaceTree(tree: Uint8Array): Promise<void>;
  /** Makes the tree anew from the piece's bytes. `temporary`: a new name on this machine. */
  remakeTree(entry: PieceEntry, temporary: string): Promise<void>;
  /** The note of a piece that is stored where its file lies. */
  source(): Promise<SourceNote | undefined>;
  noteSource(note: SourceNote): Promise<void>;
}

/** The files of a piece in a folder. */
export function filesIn(dir: string): PieceFiles {
  const tree = join(dir, "tree");
  return {
    place: dir,
    isLocal: true,
    isThere: async () => (await stat(dir).catch(() => undefined)) !== undefined,
    dataName: () => dataPath(dir),
    openData: () => openData(dir),
    openTree: () => open(tree, "r"),
    prepareLeaves: async () => new Map(),
    prepareRange: async () => undefined,
    async patchTree(offset, bytes) {
      const file = await open(tree, "r+");
      try {
        await file.write(bytes, 0, bytes.length, offset);
      } finally {
        await file.close();
      }
    },
    replaceTree: (bytes) => writeFileAtomic(tree, bytes),
    async remakeTree({ size }, temporary) {
      try {
        await makeFiles(await dataPath(dir), size, { tree: temporary }, { workers: 1 });
        await rename(temporary, tree);
        await syncPath(dir);
        await syncPath(dirname(temporary));
      } finally {
        await rm(temporary, { force: true });
      }
    },
    source: () => readSource(dir),
    noteSource: (note) => writeFileAtomic(join(dir, "source"), sourceText(note)),
  };
}
