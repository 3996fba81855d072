import { chmod, mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { equalBytes, fromHex, toHex } from "../core/bytes.ts";
import type { PieceEntry, PieceList } from "../core/piece-list.ts";
import type { PieceProof, Proof } from "../core/proof.ts";
import type { Draw } from "../core/sampling.ts";
import { namingFullDisk } from "./disk-full.ts";
import { pieceSourceStats } from "./hash-file.ts";
import type { HashOptions } from "./hash-file.ts";
import { PieceLists } from "./lists.ts";
import { makeFiles } from "./make-tree.ts";
import { allocate, dataPath, readSource, sourceChange, sourceText } from "./piece-files.ts";
import { PieceReader } from "./piece-reader.ts";
import type { PieceProving } from "./piece-reader.ts";
import { readRange } from "./range-reader.ts";
import type { ProvenRange } from "./range-reader.ts";
import { treeHeaderBytes, decodeTreeHeader, treeLayout } from "./tree-file.ts";
import { VolumeSet } from "./volumes/volume-set.ts";
import type { Volume, VolumeSetting } from "./volumes/volume.ts";

export { StoreError } from "./lists.ts";
export type { CurrentList } from "./lists.ts";

export type ProvenSampleOnDisk = {
  readonly proof: Proof;
  /** Draws without a proof because their bytes are missing or damaged. */
  readonly lost: readonly { readonly piece: number; readonly leaf: number; readonly reason: string }[];
  readonly warnings: readonly string[];
};

export type StoreOptions = {
  /** Folders for pieces. Default: the store's own folder. */
  readonly volumes?: readonly VolumeSetting[];
};

/** Folder of a piece that arrives in parts. Its files `data` and `tree` have their full length from the beginning. */
export type IncomingPiece = { readonly dir: string; readonly data: string; readonly tree: string };

/**
 * A provider's lists (lists.ts), and its pieces on one or more volumes (volumes/volume-set.ts). A piece's folder is
 * `pieces/<root>` of a volume; piece-files.ts says what is in it. Any number of processes may prove, add, move and delete pieces.
 */
export class PieceStore extends PieceLists {
  readonly volumes: VolumeSet;
  /** Damage that a check found, by root, with the version of the file in which it was found. */
  readonly #damage = new Map<string, { readonly text: string; readonly version: string }>();

  private constructor(dir: string, volumes: VolumeSet) {
    super(dir);
    this.volumes = volumes;
  }

  /** Creates missing folders and deletes incomplete pieces of a crashed process. */
  static async open(dir: string, { volumes = [] }: StoreOptions = {}): Promise<PieceStore> {
    await PieceLists.makeFolders(dir);
    return new PieceStore(dir, await VolumeSet.open(dir, volumes));
  }

  /** Folder of a piece, or the one where it would be: for tools. A running provider may move it meanwhile. */
  pieceDir(root: Uint8Array): string {
    return this.volumes.locateNow(nameOfPiece(root));
  }

  /**
   * Copies a file into the store and hashes the copied bytes. A piece that is already stored is replaced.
   * @throws PieceSourceError if the file cannot become a piece
   * @throws DiskFullError if no volume has room for it
   */
  async ingest(source: string, options: HashOptions = {}): Promise<PieceEntry> {
    const { size } = await pieceSourceStats(source);
    const volume = await this.volumes.place(size + treeLayout(size).fileBytes);
    return this.#make(volume, async (work) => {
      const data = join(work, "data");
      const entry = await makeFiles(source, size, { data, tree: join(work, "tree") }, options);
      await chmod(data, 0o444);
      await writeFile(join(work, "name"), basename(source));
      return entry;
    });
  }

  /**
   * Makes a file a piece where it lies: the store holds its tree alone. If the same bytes were copied before, the copy is deleted.
   * @throws PieceSourceError if the file cannot become a piece
   * @throws DiskFullError if no volume has room for the tree
   */
  async ingestInPlace(source: string, options: HashOptions = {}): Promise<PieceEntry> {
    const path = resolve(source);
    const { size, mtimeMs } = await pieceSourceStats(path);
    const volume = await this.volumes.place(treeLayout(size).fileBytes);
    return this.#make(volume, async (work) => {
      const entry = await makeFiles(path, size, { tree: join(work, "tree") }, options);
      await writeFile(join(work, "source"), sourceText({ path, size, mtimeMs }));
      await writeFile(join(work, "name"), basename(path));
      return entry;
    });
  }

  async #make(volume: Volume, fill: (work: string) => Promise<PieceEntry>): Promise<PieceEntry> {
    const work = volume.temporary();
    return namingFullDisk(volume.path, async () => {
      await mkdir(work);
      try {
        const entry = await fill(work);
        await this.publish(volume, work, entry);
        return entry;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    });
  }

  /** Makes a complete folder on a volume the piece's folder, and deletes the piece's folders on other volumes. */
  async publish(volume: Volume, work: string, { root }: PieceEntry): Promise<void> {
    const name = nameOfPiece(root);
    await volume.publish(work, name);
    for (const other of await this.volumes.locate(name)) {
      // A volume that takes no writes keeps its copy.
      if (other.volume !== volume) await other.volume.remove(name).catch(() => undefined);
    }
  }

  /**
   * Folder of a piece that arrives in parts, made at the first call on a volume with room for it. It survives restarts, and its bytes
   * count as taken.
   * @throws DiskFullError if no volume has room for it
   */
  async incoming({ root, size }: PieceEntry): Promise<IncomingPiece> {
    const name = nameOfPiece(root);
    const begun = await this.volumes.locateIncoming(name);
    if (begun !== undefined) return incomingAt(begun.incomingDir(name));
    const { fileBytes } = treeLayout(size);
    const volume = await this.volumes.place(size + fileBytes);
    // Renamed when its files have their length, so that a crash leaves no folder without them.
    const work = volume.temporary();
    const target = volume.incomingDir(name);
    await namingFullDisk(volume.path, async () => {
      await mkdir(work);
      const { data, tree } = incomingAt(work);
      await allocate(data, size);
      await allocate(tree, fileBytes);
      await volume.rename(work, target);
    });
    return incomingAt(target);
  }

  /** Folder of a piece that arrives in parts, if one was made. */
  async begunIncoming({ root }: PieceEntry): Promise<IncomingPiece | undefined> {
    const name = nameOfPiece(root);
    const volume = await this.volumes.locateIncoming(name);
    return volume && incomingAt(volume.incomingDir(name));
  }

  /** Makes a piece that arrived whole a stored one. The caller has verified all of its ranges and completed its tree file. */
  async publishIncoming(entry: PieceEntry): Promise<void> {
    const name = nameOfPiece(entry.root);
    const volume = await this.volumes.locateIncoming(name);
    // A crash after the rename: it is published already.
    if (volume === undefined) return;
    const dir = volume.incomingDir(name);
    await namingFullDisk(volume.path, async () => {
      await chmod(join(dir, "data"), 0o444);
      await this.publish(volume, dir, entry);
    });
  }

  /** Deletes what arrived of a piece. */
  async dropIncoming({ root }: PieceEntry): Promise<void> {
    const name = nameOfPiece(root);
    const volume = await this.volumes.locateIncoming(name);
    if (volume !== undefined) await rm(volume.incomingDir(name), { recursive: true, force: true });
  }

  /** Roots of all stored pieces. */
  async storedRoots(): Promise<string[]> {
    return (await this.volumes.names()).map((name) => `0x${name}`);
  }

  /** Deletes the bytes of a piece; a file that is stored where it lies stays. Returns their number. */
  async deletePiece(root: string): Promise<number> {
    const name = nameOfPiece(fromHex(root, 32));
    let bytes = 0;
    for (const { volume, dir } of await this.volumes.locate(name)) {
      bytes += (await stat(join(dir, "data")).catch(() => undefined))?.size ?? 0;
      await volume.remove(name);
    }
    return bytes;
  }

  /** The name of a piece's source file; undefined if it is unknown. */
  async nameOf(root: Uint8Array): Promise<string | undefined> {
    return readFile(join(this.pieceDir(root), "name"), "utf8").catch(() => undefined);
  }

  /** The stored piece with this root, by its tree file; undefined without a readable one. */
  async entryOf(root: string): Promise<PieceEntry | undefined> {
    for (const { dir } of await this.volumes.locate(nameOfPiece(fromHex(root, 32)))) {
      const header = await headerIn(dir);
      if (header !== undefined && toHex(header.root) === root) return header;
    }
    return undefined;
  }

  /** Proves the draws of a challenge (R11). The proof omits lost or damaged leaves. */
  async prove(list: PieceList, draws: readonly Draw[]): Promise<ProvenSampleOnDisk> {
    const byPiece = new Map<number, Set<number>>();
    for (const { piece, leaf } of draws) byPiece.set(piece, (byPiece.get(piece) ?? new Set()).add(leaf));
    const pieces: PieceProof[] = [];
    const lost: { piece: number; leaf: number; reason: string }[] = [];
    const warnings: string[] = [];
    for (const piece of [...byPiece.keys()].sort((a, b) => a - b)) {
      const entry = list.pieces.at(piece) as PieceEntry;
      const proving = await this.#provePiece(entry, [...(byPiece.get(piece) ?? [])]);
      if (proving.proof) pieces.push({ piece, ...proving.proof });
      lost.push(...proving.lost.map((leaf) => ({ piece, ...leaf })));
      warnings.push(...proving.warnings);
    }
    return { proof: { pieces }, lost, warnings };
  }

  /** Tries all folders of the piece, and again if it was moved meanwhile. */
  async #provePiece(entry: PieceEntry, leaves: readonly number[]): Promise<PieceProving> {
    let best: PieceProving | undefined;
    let tried: readonly string[] = [];
    for (;;) {
      const dirs = await this.#dirsOf(entry.root);
      if (best !== undefined && dirs.every((dir) => tried.includes(dir))) return best;
      for (const dir of dirs) {
        const proving = await PieceReader.prove(dir, entry, leaves);
        if (proving.lost.length === 0) return proving;
        if (best === undefined || proving.lost.length < best.lost.length) best = proving;
      }
      tried = [...tried, ...dirs];
    }
  }

  /** Folders of a piece; the one where it would be if there is none. */
  async #dirsOf(root: Uint8Array): Promise<string[]> {
    const found = await this.volumes.locate(nameOfPiece(root));
    return found.length > 0 ? found.map(({ dir }) => dir) : [this.pieceDir(root)];
  }

  /** A range of a piece with its proof (storage/core/range.ts); undefined if this store cannot prove it. */
  async readRange(entry: PieceEntry, range: number): Promise<ProvenRange | undefined> {
    let tried: readonly string[] = [];
    for (;;) {
      const dirs = (await this.#dirsOf(entry.root)).filter((dir) => !tried.includes(dir));
      if (dirs.length === 0) return undefined;
      for (const dir of dirs) {
        const proven = await readRange(dir, entry, range);
        if (proven !== undefined) return proven;
      }
      tried = [...tried, ...dirs];
    }
  }

  /** Remembers damage that a check found, so that `faultOf` reports it until the file is replaced; undefined: there is none. */
  async noteDamage({ root }: PieceEntry, text: string | undefined): Promise<void> {
    if (text === undefined) this.#damage.delete(toHex(root));
    else this.#damage.set(toHex(root), { text, version: await versionIn(await this.#dirsOf(root)) });
  }

  /** The damage that was noted, if the piece's files are still those in which it was found. */
  async notedDamage({ root }: Pick<PieceEntry, "root">): Promise<string | undefined> {
    const noted = this.#damage.get(toHex(root));
    if (noted === undefined || noted.version === (await versionIn(await this.#dirsOf(root))))
      return noted?.text;
    this.#damage.delete(toHex(root));
    return undefined;
  }

  /**
   * The fault of a stored piece, found without reading its bytes; undefined if all files exist with the right sizes, and no check found
   * damage in them.
   */
  async faultOf(entry: PieceEntry): Promise<string | undefined> {
    const noted = await this.notedDamage(entry);
    if (noted !== undefined) return noted;
    let fault: string | undefined;
    for (const dir of await this.#dirsOf(entry.root)) {
      const here = await faultIn(dir, entry);
      if (here === undefined) return undefined;
      fault ??= here;
    }
    const gone = (await this.volumes.look()).filter(({ condition }) => condition === "gone");
    if (gone.length === 0 || (await this.volumes.locate(nameOfPiece(entry.root))).length > 0) return fault;
    const paths = gone.map(({ path, reason }) => `${path} (${reason})`).join(", ");
    return `${toHex(entry.root)}: on no volume that can be read; gone: ${paths}`;
  }
}

/** The name of a piece's folder. */
export function nameOfPiece(root: Uint8Array): string {
  return toHex(root).slice(2);
}

/** Changes when a file with the bytes of a piece is written or replaced. */
async function versionIn(dirs: readonly string[]): Promise<string> {
  const versions = dirs.map(async (dir) => {
    const stats = await stat(await dataPath(dir)).catch(() => undefined);
    return stats === undefined ? "none" : `${dir} ${stats.ino} ${stats.size} ${stats.mtimeMs}`;
  });
  return (await Promise.all(versions)).join();
}

function incomingAt(dir: string): IncomingPiece {
  return { dir, data: join(dir, "data"), tree: join(dir, "tree") };
}

async function faultIn(dir: string, entry: PieceEntry): Promise<string | undefined> {
  const note = await readSource(dir);
  const own = await stat(join(dir, "data")).catch(() => undefined);
  if (own === undefined && note !== undefined) {
    const change = await sourceChange(note);
    if (change !== undefined) return change;
  } else if (own === undefined) return `${join(dir, "data")}: missing; ingest the file again`;
  else if (own.size !== entry.size) return wrongSize(join(dir, "data"), entry.size, own.size);
  const tree = join(dir, "tree");
  const stats = await stat(tree).catch(() => undefined);
  const { fileBytes } = treeLayout(entry.size);
  if (stats === undefined) return `${tree}: missing; ingest the file again`;
  if (stats.size !== fileBytes) return wrongSize(tree, fileBytes, stats.size);
  const header = await headerIn(dir);
  if (header?.size === entry.size && equalBytes(header.root, entry.root)) return undefined;
  return `${tree}: its header is damaged; ingest the file again`;
}

function wrongSize(path: string, expected: number, actual: number): string {
  return `${path}: expected ${expected} bytes, actual ${actual}; ingest the file again`;
}

/** Size and root in a piece's tree file; undefined without a readable one. */
async function headerIn(dir: string): Promise<PieceEntry | undefined> {
  const file = await open(join(dir, "tree"), "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer } = await file.read(Buffer.alloc(treeHeaderBytes), 0, treeHeaderBytes, 0);
    const header = decodeTreeHeader(buffer);
    return header && { ...header, root: Uint8Array.from(header.root) };
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
