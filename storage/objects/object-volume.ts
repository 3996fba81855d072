/**
 * An object store as a volume. The store has for each piece `pieces/<root>/data` and `pieces/<root>/tree`, and the volume's mark. On this
 * machine, in `objects/<hash of the settings>/` of the store's own folder, is what a volume on a disk has, with notes in the place of
 * the bytes (note.ts), and what arrives (incoming.ts).
 */
import { createHash } from "node:crypto";
import { open, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ByteCache } from "../core/byte-cache.ts";
import { equalBytes } from "../core/bytes.ts";
import type { PieceEntry } from "../core/piece-list.ts";
import { syncPath } from "../disk/atomic-write.ts";
import { copyInParts } from "../disk/copy-piece.ts";
import { DiskFullError } from "../disk/disk-full.ts";
import { hashFile } from "../disk/hash-file.ts";
import type { HashOptions } from "../disk/hash-file.ts";
import { isRunning } from "../disk/is-running.ts";
import { StoreError } from "../disk/lists.ts";
import { treeLayout } from "../disk/tree-file.ts";
import type { PieceFiles } from "../disk/readable-piece.ts";
import { headerIn, wrongSize } from "../disk/volumes/piece-folder.ts";
import { Volume } from "../disk/volumes/volume.ts";
import type { Found, IncomingPiece, Origin } from "../disk/volumes/volume.ts";
import { Bucket } from "./bucket.ts";
import type { BucketSetting } from "./bucket.ts";
import { allocateArriving, ArrivingObject, arrivingSize } from "./incoming.ts";
import { ObjectMark } from "./mark.ts";
import { noteName, noteText, objectsOf, readNote } from "./note.ts";
import { maxObjectBytes, partBytesOf } from "./parts.ts";
import { putTree, remotePiece } from "./remote-piece.ts";
import { reconcile } from "./reconcile.ts";
import { ObjectUpload, uploadEnd } from "./upload.ts";

export type ObjectVolumeSetting = {
  /** As the operator names it. */
  readonly path: string;
  /** Most bytes of pieces there: a store does not say how much is free. */
  readonly maxBytes: number;
  readonly bucket: BucketSetting;
  /** Most bytes that the scrub reads in 30 days; 0: none. Default: all. */
  readonly scrubBytes?: number | undefined;
  /** Takes over the objects of another data folder. */
  readonly takeOver?: boolean | undefined;
};

/** Name of the file with the bytes that a piece will take, while it is being stored. */
const roomName = "room";
/** The room is noted until the piece counts as stored. */
const keptFiles: ReadonlySet<string> = new Set([noteName, "name", roomName]);
/** Nodes above the pages, of all pieces together. */
const maxUpperBytes = 64 * 1024 * 1024;

export class ObjectVolume extends Volume {
  override readonly isLocal = false;
  readonly bucket: Bucket;
  readonly #setting: ObjectVolumeSetting;
  readonly #mark: ObjectMark;
  readonly #upper = new ByteCache<Buffer>(maxUpperBytes, ({ length }) => length);

  /** @param home the store's own folder */
  constructor(setting: ObjectVolumeSetting, home: string) {
    super(setting, folderOf(setting, home));
    this.#setting = setting;
    this.bucket = new Bucket(setting.bucket);
    this.#mark = new ObjectMark(this.bucket, home, { takeOver: setting.takeOver ?? false });
  }

  /** From what is known; the store is asked now and then, beside this call. */
  override async identify(): Promise<Found> {
    const found = await this.#mark.find();
    if (found.fault === undefined) {
      await this.makeFolders();
      await reconcile(this.bucket, this.folder);
    }
    return found;
  }

  override async writeFault(): Promise<string | undefined> {
    return this.bucket.writeFault ?? (await super.writeFault());
  }

  override async freeBytes(): Promise<number> {
    return Math.max(0, await this.#unreserved());
  }

  /** Below 0 if several pieces were begun at once. A piece that is published meanwhile counts twice: in this order never not at all. */
  async #unreserved(): Promise<number> {
    const { bytes: begun } = await this.begun();
    const { bytes: stored } = await this.stored();
    return this.#setting.maxBytes - stored - begun;
  }

  /** Takes the room of a new piece; of two that begin at once and do not both fit, none or one gets it. */
  async #reserve(work: string, size: number): Promise<void> {
    await writeFile(join(work, roomName), `${size + treeLayout(size).fileBytes}`);
    const over = -(await this.#unreserved());
    if (over <= 0) return;
    const detail = `${this.path} would have ${over} bytes more than maxBytes with the pieces that are being stored`;
    throw new DiskFullError(undefined, { detail });
  }

  /** Room of the pieces that running processes store here now. */
  async #reserved(): Promise<number> {
    let bytes = 0;
    for (const name of await readdir(join(this.folder, "tmp"))) {
      if (!isRunning(Number(name.split("-")[0]))) continue;
      const text = await readFile(join(this.folder, "tmp", name, roomName), "utf8").catch(() => "");
      bytes += Number(text);
    }
    return bytes;
  }

  protected override async begun(): Promise<{ bytes: number; unwritten: number }> {
    let bytes = await this.#reserved();
    for (const name of await readdir(join(this.folder, "incoming"))) {
      const size = await arrivingSize(this.incomingDir(name));
      if (size !== undefined) bytes += size + treeLayout(size).fileBytes;
    }
    return { bytes, unwritten: 0 };
  }

  protected override async bytesOf(name: string): Promise<number> {
    const note = await readNote(this.pieceDir(name));
    return note === undefined ? 0 : note.size + note.treeBytes;
  }

  override async dataBytes(name: string): Promise<number> {
    return (await readNote(this.pieceDir(name)))?.size ?? 0;
  }

  override async passesOfScrub(): Promise<number> {
    const { scrubBytes } = this.#setting;
    if (scrubBytes === undefined) return 1;
    return scrubBytes === 0 ? Infinity : Math.ceil((await this.stored()).bytes / scrubBytes);
  }

  override files(name: string): PieceFiles {
    const dir = this.pieceDir(name);
    return remotePiece({ bucket: this.bucket, name, dir, note: () => readNote(dir), upper: this.#upper });
  }

  override async entryOf(name: string): Promise<PieceEntry | undefined> {
    const note = await readNote(this.pieceDir(name));
    return note && { root: Uint8Array.from(Buffer.from(name, "hex")), size: note.size };
  }

  /** What the last list of the objects says; that the store cannot be asked is a fault, but not of the piece. */
  override async faultOf(name: string, { size }: PieceEntry): Promise<string | undefined> {
    const [note, { data, tree }] = [await readNote(this.pieceDir(name)), objectsOf(name)];
    if (note === undefined) return `${this.bucket.name}${data}: missing; ingest the file again`;
    if (note.size !== size) return wrongSize(`${this.bucket.name}${data}`, size, note.size);
    const { fileBytes } = treeLayout(size);
    if (note.treeBytes !== fileBytes)
      return wrongSize(`${this.bucket.name}${tree}`, fileBytes, note.treeBytes);
    return undefined;
  }

  override async version(name: string): Promise<string> {
    const stats = await stat(join(this.pieceDir(name), noteName)).catch(() => undefined);
    return stats === undefined ? "none" : `${this.path} ${stats.ino} ${stats.mtimeMs}`;
  }

  override async fill(
    work: string,
    origin: Origin,
    { size, expected }: { readonly size: number; readonly expected?: Uint8Array | undefined },
    options: HashOptions = {},
  ): Promise<PieceEntry> {
    mustFit(this.path, size);
    await this.#reserve(work, size);
    // The root is the object's name, so it must be known before the bytes are sent.
    const root = expected ?? (await hashFile(pathOf(origin), options)).root;
    const key = objectsOf(Buffer.from(root).toString("hex")).data;
    const source = "path" in origin ? await open(origin.path, "r") : await origin.files.openData();
    const upload = new ObjectUpload(this.bucket, key, join(work, `data${uploadEnd}`));
    const partBytes = partBytesOf(size);
    try {
      const copy = { size, tree: join(work, "tree"), partBytes, signal: options.signal };
      const held: Buffer[] = [];
      const copied = await copyInParts(source, copy, async (bytes) => {
        // A piece of one part is sent when its root is known to be right.
        if (size > partBytes) await upload.add(bytes, { only: false });
        else held.push(bytes);
      });
      if (!equalBytes(copied, root)) {
        await upload.abort();
        return { root: copied, size };
      }
      for (const bytes of held) await upload.add(bytes, { only: true });
      await upload.complete();
      return { root, size };
    } catch (error) {
      await upload.abort().catch(() => undefined);
      throw error;
    } finally {
      await source.close();
    }
  }

  /** Stores the tree, with which the piece exists, and notes the piece on this machine. */
  override async publish(work: string, name: string): Promise<void> {
    const tree = join(work, "tree");
    const header = await headerIn(tree);
    if (header === undefined) throw new Error(`${tree}: damaged; expected a complete tree file`);
    const { size } = header;
    await putTree(this.bucket, name, tree, size);
    const note = join(work, noteName);
    await writeFile(note, noteText({ size, treeBytes: treeLayout(size).fileBytes }));
    await syncPath(note);
    for (const file of await readdir(work)) {
      if (!keptFiles.has(file)) await rm(join(work, file), { recursive: true, force: true });
    }
    this.#upper.delete(name);
    await super.publish(work, name);
  }

  /** Deletes the tree first: without it there is no piece. */
  override async remove(name: string): Promise<void> {
    const { data, tree } = objectsOf(name);
    await this.bucket.remove(tree);
    await this.bucket.remove(data);
    this.#upper.delete(name);
    await super.remove(name);
  }

  override async beginIncoming(name: string, entry: PieceEntry): Promise<IncomingPiece> {
    mustFit(this.path, entry.size);
    return super.beginIncoming(name, entry);
  }

  protected override allocateIncoming(work: string, size: number): Promise<void> {
    return allocateArriving(work, size);
  }

  override incoming(name: string): IncomingPiece {
    const dir = this.incomingDir(name);
    const arriving = this.#arriving(name);
    return {
      dir,
      tree: join(dir, "tree"),
      size: () => arrivingSize(dir),
      write: (ranges, has) => arriving.write(ranges, has),
      finish: (entry) => arriving.finish(entry),
    };
  }

  #arriving(name: string): ArrivingObject {
    return new ArrivingObject(this.bucket, objectsOf(name).data, this.incomingDir(name));
  }

  /** What the store keeps of it is aborted, or, if it cannot be asked, left to the bucket's own rule for incomplete uploads. */
  override async dropIncoming(name: string): Promise<void> {
    await this.#arriving(name)
      .abort()
      .catch(() => undefined);
    await super.dropIncoming(name);
  }

  /** Also aborts the uploads of dead processes. */
  override async sweep(): Promise<void> {
    const tmp = join(this.folder, "tmp");
    for (const name of await readdir(tmp, { recursive: true })) {
      if (!name.endsWith(uploadEnd) || isRunning(Number(name.split("-")[0]))) continue;
      const noted = JSON.parse(await readFile(join(tmp, name), "utf8")) as Partial<{
        key: string;
        upload: string;
      }>;
      if (noted.key !== undefined && noted.upload !== undefined) {
        await this.bucket.abortUpload(noted.key, noted.upload);
      }
    }
    await super.sweep();
  }
}

function folderOf({ bucket }: ObjectVolumeSetting, home: string): string {
  const text = JSON.stringify([bucket.endpoint ?? "", bucket.region, bucket.bucket, bucket.prefix]);
  return join(home, "objects", createHash("sha256").update(text).digest("hex").slice(0, 32));
}

function mustFit(path: string, size: number): void {
  if (size <= maxObjectBytes) return;
  throw new StoreError(`${path}: piece: expected at most ${maxObjectBytes} bytes, actual ${size}`);
}

function pathOf(origin: Origin): string {
  if ("path" in origin) return origin.path;
  throw new Error("a piece of another volume has a root");
}
