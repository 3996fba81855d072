/** Reads a whole stored piece and compares it with its root: finds damage that no challenge has hit yet. */
import { stat } from "node:fs/promises";
import { equalBytes } from "../core/bytes.ts";
import { hashBytes, segmentBytes } from "../core/geometry.ts";
import { rootHash } from "../core/merkle.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { TreeAccumulator } from "../core/tree-accumulator.ts";
import { sourceChange } from "./piece-files.ts";
import type { PieceFiles, ReadFile } from "./readable-piece.ts";
import { layerBytes, SegmentHasher } from "./segment-hasher.ts";
import { decodeTreeHeader, treeHeaderBytes, treeLayout } from "./tree-file.ts";
import { UnreachableError } from "./unreachable.ts";

export type CheckOptions = {
  /** First segment to read: a check goes on where it was stopped. */
  readonly from?: number;
  /**
   * Called after each segment, with its bytes and the segment from which a later check may go on: the first damaged one, so that
   * it finds the damage again, or the next. The check waits for it.
   */
  readonly onSegment?: (bytes: number, next: number) => Promise<void>;
  /** A name for a new tree file on the piece's volume. */
  readonly temporary: () => string;
};

export type CheckedPiece = {
  /** What is damaged, with the file's name; undefined: nothing. */
  readonly damage: string | undefined;
  /** What was repaired: the tree, or the note of a file that has another time but the same bytes. */
  readonly repaired: string | undefined;
};

/** Roots read from the tree file at once: 128 KiB. */
const rootsAtOnce = 4_096;

/**
 * Checks a piece on a volume, and makes its tree anew if the bytes are whole and the tree is not. Undefined if the piece was moved or
 * deleted meanwhile.
 * @throws UnreachableError if the volume cannot be asked: nothing is known about the piece then
 */
export async function checkPiece(
  files: PieceFiles,
  entry: PieceEntry,
  options: CheckOptions,
): Promise<CheckedPiece | undefined> {
  const note = await files.source();
  const change = note && (await sourceChange(note));
  const check = new PieceCheck(files, entry);
  const found = await check.run(options);
  if (!(await files.isThere())) return undefined;
  if (found.damage !== undefined) {
    return {
      damage: change === undefined ? found.damage : `${change} (${found.damage})`,
      repaired: undefined,
    };
  }
  const repaired: string[] = [];
  if (note !== undefined && change !== undefined) {
    const { size, mtimeMs } = await stat(note.path);
    await files.noteSource({ ...note, size, mtimeMs });
    repaired.push(`${note.path}: has another time, but the same bytes`);
  }
  if (!found.isTreeWhole) {
    await files.remakeTree(entry, options.temporary());
    repaired.push(`${files.place}/tree: was damaged; made anew from the piece's bytes`);
  }
  return { damage: undefined, repaired: repaired.length === 0 ? undefined : repaired.join("; ") };
}

/** Whether all bytes of a piece are on a volume and hash to its root. @throws UnreachableError as `checkPiece` */
export async function isWhole(files: PieceFiles, entry: PieceEntry): Promise<boolean> {
  const { damage } = await new PieceCheck(files, entry).run({});
  return damage === undefined;
}

type Found = { readonly damage: string | undefined; readonly isTreeWhole: boolean };

class PieceCheck {
  readonly #files: PieceFiles;
  readonly #entry: PieceEntry;
  readonly #hasher = new SegmentHasher();
  readonly #layer = Buffer.alloc(layerBytes);

  constructor(files: PieceFiles, entry: PieceEntry) {
    this.#files = files;
    this.#entry = entry;
  }

  async run(options: Pick<CheckOptions, "from" | "onSegment">): Promise<Found> {
    let data: ReadFile;
    try {
      data = await this.#files.openData();
    } catch (error) {
      if (error instanceof UnreachableError) throw error;
      return { damage: `${await this.#files.dataName()}: ${(error as Error).message}`, isTreeWhole: false };
    }
    const tree = await this.#files.openTree().catch(noFile);
    try {
      return await this.#read(data, tree, options);
    } finally {
      await data.close();
      await tree?.close();
    }
  }

  async #read(
    data: ReadFile,
    tree: ReadFile | undefined,
    { from = 0, onSegment }: Pick<CheckOptions, "from" | "onSegment">,
  ): Promise<Found> {
    const { size, root } = this.#entry;
    const layout = treeLayout(size);
    const isSound = tree !== undefined && (await this.#leadsToRoot(tree));
    // Without a tree to compare with, only all segments together say whether the bytes are right.
    const computed = isSound ? undefined : new TreeAccumulator(layout.segments);
    const bad: number[] = [];
    let unread = 0;
    let isLayerWhole = true;
    for (let segment = isSound ? from : 0; segment < layout.segments; segment++) {
      const bytes = Math.min(segmentBytes, size - segment * segmentBytes);
      const hash = await this.#hash(data, segment, bytes);
      if (hash === undefined) unread++;
      if (computed !== undefined) computed.add(segment, hash ?? Buffer.alloc(hashBytes));
      else if (hash === undefined || !(await this.#isAt(tree, layout.nodeOffset(0, segment), hash))) {
        bad.push(segment);
      } else if (!(await this.#isAt(tree, layout.layerOffset(segment), this.#layer))) isLayerWhole = false;
      await onSegment?.(bytes, computed === undefined ? (bad[0] ?? segment + 1) : 0);
    }
    const path = await this.#files.dataName();
    if (computed !== undefined) {
      if (unread === 0 && equalBytes(rootHash(size, computed.finish()), root)) {
        return { damage: undefined, isTreeWhole: false };
      }
      const what = unread > 0 ? `${unread} of ${layout.segments} parts cannot be read` : "bytes differ";
      return { damage: `${path}: ${what}, and the tree file is damaged, too`, isTreeWhole: false };
    }
    if (bad.length === 0)
      return {
        damage: undefined,
        isTreeWhole: isLayerWhole && tree !== undefined && (await this.#isComplete(tree)),
      };
    const first = (bad[0] as number) * segmentBytes;
    const where = `the first from byte ${first} to ${Math.min(size, first + segmentBytes)}`;
    const unreadText = unread === 0 ? "" : `, ${unread} of them cannot be read`;
    return {
      damage: `${path}: ${bad.length} of ${layout.segments} parts are damaged${unreadText}; ${where}`,
      isTreeWhole: isLayerWhole,
    };
  }

  /** Root of a segment; undefined if it cannot be read whole. Its layer is then in `#layer`. */
  async #hash(data: ReadFile, segment: number, bytes: number): Promise<Buffer | undefined> {
    const input = this.#hasher.data;
    if (!(await readWhole(data, input, bytes, segment * segmentBytes))) return undefined;
    input.fill(0, bytes);
    const hash = this.#hasher.hashSegment();
    this.#hasher.copyLayer(this.#layer, 0);
    return hash;
  }

  async #isAt(file: ReadFile | undefined, position: number, expected: Buffer): Promise<boolean> {
    const actual = Buffer.alloc(expected.length);
    return (
      file !== undefined &&
      (await readWhole(file, actual, actual.length, position)) &&
      actual.equals(expected)
    );
  }

  /** Whether the tree's header and its segment roots are those of the piece. */
  async #leadsToRoot(tree: ReadFile): Promise<boolean> {
    const { size, root } = this.#entry;
    const header = Buffer.alloc(treeHeaderBytes);
    if (!(await readWhole(tree, header, header.length, 0))) return false;
    const named = decodeTreeHeader(header);
    if (named?.size !== size || !equalBytes(named.root, root)) return false;
    const top = await this.#top(tree);
    return top !== undefined && equalBytes(rootHash(size, top), root);
  }

  /** Whether the nodes above the segment roots are those that follow from these. */
  async #isComplete(tree: ReadFile): Promise<boolean> {
    const layout = treeLayout(this.#entry.size);
    let isComplete = true;
    await this.#top(tree, async (nodes) => {
      for (const { level, index, hash } of nodes) {
        isComplete &&= await this.#isAt(tree, layout.nodeOffset(level, index), Buffer.from(hash));
      }
    });
    return isComplete;
  }

  /** The top of the tree's segment roots; undefined if they cannot be read. `onNodes` gets the nodes between them, page by page. */
  async #top(
    tree: ReadFile,
    onNodes: (nodes: readonly TreeNode[]) => Promise<void> = async () => undefined,
  ): Promise<Uint8Array | undefined> {
    const layout = treeLayout(this.#entry.size);
    const { segments } = layout;
    let nodes: TreeNode[] = [];
    const accumulator = new TreeAccumulator(segments, (level, index, hash) =>
      nodes.push({ level, index, hash }),
    );
    const page = Buffer.alloc(rootsAtOnce * hashBytes);
    for (let first = 0; first < segments; first += rootsAtOnce) {
      const count = Math.min(rootsAtOnce, segments - first);
      if (!(await readWhole(tree, page, count * hashBytes, layout.nodeOffset(0, first)))) return undefined;
      for (let i = 0; i < count; i++) {
        accumulator.add(first + i, Uint8Array.from(page.subarray(i * hashBytes, (i + 1) * hashBytes)));
      }
      await onNodes(nodes);
      nodes = [];
    }
    const top = accumulator.finish();
    await onNodes(nodes);
    return top;
  }
}

type TreeNode = { readonly level: number; readonly index: number; readonly hash: Uint8Array };

/** Whether `count` bytes from `position` on could be read. */
async function readWhole(file: ReadFile, into: Buffer, count: number, position: number): Promise<boolean> {
  try {
    for (let done = 0; done < count;) {
      const { bytesRead } = await file.read(into, done, count - done, position + done);
      if (bytesRead === 0) return false;
      done += bytesRead;
    }
    return true;
  } catch (error) {
    if (error instanceof UnreachableError) throw error;
    return false;
  }
}

function noFile(error: unknown): undefined {
  if (error instanceof UnreachableError) throw error;
}
