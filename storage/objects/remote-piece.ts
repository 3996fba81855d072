/** A piece whose bytes and tree are objects, for proofs, ranges and checks. */
import { open, rm, stat } from "node:fs/promises";
import { equalBytes, toHex } from "../core/bytes.ts";
import type { ByteCache } from "../core/byte-cache.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { copyInParts } from "../disk/copy-piece.ts";
import type { PieceFiles } from "../disk/readable-piece.ts";
import { treeLayout } from "../disk/tree-file.ts";
import type { Bucket } from "./bucket.ts";
import { MissingObjectError } from "./errors.ts";
import { objectsOf } from "./note.ts";
import type { ObjectNote } from "./note.ts";
import { partBytesOf } from "./parts.ts";
import { spansOfPage, wantedForLeaves, wantedForRange } from "./reads.ts";
import type { Wanted } from "./reads.ts";
import { RemoteFile } from "./remote-file.ts";
import type { Span } from "./remote-file.ts";
import { ObjectUpload } from "./upload.ts";

/** Requests of one proof at a time. */
const maxAtOnce = 8;
const dataBlock = { blockBytes: 4 * 1024 * 1024, blocks: 2 };
/** A check reads roots, layers and the nodes of up to 37 levels beside each other. */
const treeBlock = { blockBytes: 512 * 1024, blocks: 40 };
/** Parts of a tree: 8 GiB of the largest piece's need a tenth of the parts that a store accepts. */
const treePartBytes = 8 * 1024 * 1024;

export type RemotePieceParts = {
  readonly bucket: Bucket;
  readonly name: string;
  /** Folder with the piece's note. */
  readonly dir: string;
  readonly note: () => Promise<ObjectNote | undefined>;
  /** Nodes above the pages, by piece. */
  readonly upper: ByteCache<Buffer>;
};

export function remotePiece({ bucket, name, dir, note, upper }: RemotePieceParts): PieceFiles {
  const keys = objectsOf(name);
  const spans: { readonly data: Span[]; readonly tree: Span[] } = { data: [], tree: [] };
  const fetch = async (entry: PieceEntry, { kind, start, length }: Wanted): Promise<void> => {
    const known = kind === "upper" ? upper.get(name) : undefined;
    const bytes = known ?? (await bucket.get(kind === "data" ? keys.data : keys.tree, start, length));
    const span = { start, bytes };
    if (kind === "data") spans.data.push(span);
    else if (kind === "page") spans.tree.push(...spansOfPage(entry.size, span));
    else spans.tree.push(span);
    if (kind === "upper") upper.set(name, bytes);
  };
  const sizes = async (): Promise<ObjectNote> => {
    const found = await note();
    if (found === undefined) throw new MissingObjectError(`${bucket.name}${name}: not stored here`);
    return found;
  };
  const openData = async (): Promise<RemoteFile> => {
    const { size } = await sizes();
    return new RemoteFile(bucket, keys.data, { ...dataBlock, bytes: size, spans: spans.data });
  };
  return {
    place: `${bucket.name}pieces/${name}`,
    isLocal: false,
    isThere: async () => (await stat(dir).catch(() => undefined)) !== undefined,
    dataName: async () => `${bucket.name}${keys.data}`,
    openData,
    async openTree() {
      const { treeBytes } = await sizes();
      return new RemoteFile(bucket, keys.tree, { ...treeBlock, bytes: treeBytes, spans: spans.tree });
    },
    async prepareLeaves(entry, leaves) {
      const unreadable = new Map<number, string>();
      await eachOf(wantedForLeaves(entry.size, leaves), async (wanted) => {
        await fetch(entry, wanted).catch((error: unknown) => {
          // A damaged tree is found when the proof does not lead to the root; a proof of the other leaves is still one.
          if (wanted.kind === "upper") upper.delete(name);
          for (const leaf of wanted.leaves) unreadable.set(leaf, (error as Error).message);
        });
      });
      return unreadable;
    },
    async prepareRange(entry, range) {
      await eachOf(wantedForRange(entry.size, range), (wanted) =>
        fetch(entry, wanted).catch((error: unknown) => {
          if (!(error instanceof MissingObjectError)) throw error;
        }),
      );
    },
    patchTree: () => Promise.reject(new Error(`${bucket.name}: an object cannot be changed in parts`)),
    replaceTree: (tree) => bucket.put(keys.tree, Buffer.from(tree)),
    async remakeTree(entry, temporary) {
      const source = await openData();
      try {
        const options = { size: entry.size, tree: temporary, partBytes: partBytesOf(entry.size) };
        const root = await copyInParts(source, options, async () => undefined);
        if (!equalBytes(root, entry.root)) {
          throw new Error(`${keys.data}: expected the root ${toHex(entry.root)}, actual ${toHex(root)}`);
        }
        await putTree(bucket, name, temporary, entry.size);
        upper.delete(name);
      } finally {
        await source.close();
        await rm(temporary, { force: true });
      }
    },
    source: async () => undefined,
    noteSource: () => Promise.reject(new Error(`${bucket.name}: has no files of the operator`)),
  };
}

/** Stores a complete tree file as the piece's tree. With it the piece exists. */
export async function putTree(bucket: Bucket, name: string, path: string, size: number): Promise<void> {
  const { fileBytes } = treeLayout(size);
  const upload = new ObjectUpload(bucket, objectsOf(name).tree, `${path}.upload`);
  const file = await open(path, "r");
  try {
    for (let start = 0; start < fileBytes; start += treePartBytes) {
      const bytes = Buffer.alloc(Math.min(treePartBytes, fileBytes - start));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
      if (bytesRead !== bytes.length) throw new Error(`${path}: expected ${fileBytes} bytes, actual fewer`);
      await upload.add(bytes, { only: fileBytes <= treePartBytes });
    }
    await upload.complete();
  } catch (error) {
    await upload.abort().catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** Runs `work` for all items, some at a time. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(maxAtOnce, items.length) }, run));
}
