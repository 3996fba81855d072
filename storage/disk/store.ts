import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fromHex, toHex } from "../core/bytes.ts";
import type { PieceEntry, PieceList } from "../core/piece-list.ts";
import type { PieceProof, Proof } from "../core/proof.ts";
import type { Draw } from "../core/sampling.ts";
import { namingFullDisk } from "./disk-full.ts";
import { pieceSourceStats } from "./hash-file.ts";
import type { HashOptions } from "./hash-file.ts";
import { PieceLists } from "./lists.ts";
import { makeFiles } from "./make-tree.ts";
import { sourceText } from "./piece-files.ts";
import { PieceReader } from "./piece-reader.ts";
import type { PieceProving } from "./piece-reader.ts";
import { readRange } from "./range-reader.ts";
import type { ProvenRange } from "./range-reader.ts";
import { treeLayout } from "./tree-file.ts";
import { UnreachableError } from "./unreachable.ts";
import { VolumeSet } from "./volumes/volume-set.ts";
import type { PlaceOfPiece } from "./volumes/volume-set.ts";
import type { IncomingPiece, Volume, VolumeSetting } from "./volumes/volume.ts";

export { StoreError } from "./lists.ts";

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

  /** Folder of a piece on this machine, or the one where it would be: for tools. A running provider may move it meanwhile. */
  pieceDir(root: Uint8Array): string {
    return this.volumes.placeNow(nameOfPiece(root)).dir;
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
      const entry = await volume.fill(work, { path: source }, { size }, options);
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
    const volume = await this.volumes.place(treeLayout(size).fileBytes, { isLocal: true });
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
  async incoming(entry: PieceEntry): Promise<IncomingPiece> {
    const name = nameOfPiece(entry.root);
    const begun = await this.volumes.locateIncoming(name);
    if (begun !== undefined) return begun.incoming(name);
    const { root, size } = entry;
    const volume = await this.volumes.place(size + treeLayout(size).fileBytes);
    return namingFullDisk(volume.path, () => volume.beginIncoming(name, { root, size }));
  }

  /** Folder of a piece that arrives in parts, if one was made. */
  async begunIncoming({ root }: PieceEntry): Promise<IncomingPiece | undefined> {
    const name = nameOfPiece(root);
    return (await this.volumes.locateIncoming(name))?.incoming(name);
  }

  /** Makes a piece that arrived whole a stored one. The caller has verified all of its ranges and completed its tree file. */
  async publishIncoming(entry: PieceEntry): Promise<void> {
    const name = nameOfPiece(entry.root);
    const volume = await this.volumes.locateIncoming(name);
    // A crash after the rename: it is published already.
    if (volume === undefined) return;
    await namingFullDisk(volume.path, async () => {
      await volume.incoming(name).finish(entry);
      await this.publish(volume, volume.incomingDir(name), entry);
    });
  }

  /** Roots of the pieces of which parts arrived. */
  async incomingRoots(): Promise<string[]> {
    return (await this.volumes.incomingNames()).map((name) => `0x${name}`);
  }

  /** Deletes what arrived of a piece. */
  async dropIncoming({ root }: Pick<PieceEntry, "root">): Promise<void> {
    const name = nameOfPiece(root);
    const volume = await this.volumes.locateIncoming(name);
    await volume?.dropIncoming(name);
  }

  /** Roots of all stored pieces. */
  async storedRoots(): Promise<string[]> {
    return (await this.volumes.names()).map((name) => `0x${name}`);
  }

  /** Deletes the bytes of a piece; a file that is stored where it lies stays. Returns their number. */
  async deletePiece(root: string): Promise<number> {
    const name = nameOfPiece(fromHex(root, 32));
    let bytes = 0;
    for (const { volume } of await this.volumes.locate(name)) {
      bytes += await volume.dataBytes(name);
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
    const name = nameOfPiece(fromHex(root, 32));
    for (const { volume } of await this.volumes.locate(name)) {
      const entry = await volume.entryOf(name);
      if (entry !== undefined && toHex(entry.root) === root) return entry;
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

  /** Tries all places of the piece, and again if it was moved meanwhile. */
  async #provePiece(entry: PieceEntry, leaves: readonly number[]): Promise<PieceProving> {
    let best: PieceProving | undefined;
    let tried: readonly string[] = [];
    for (;;) {
      const places = await this.#placesOf(entry.root);
      if (best !== undefined && places.every(({ dir }) => tried.includes(dir))) return best;
      for (const { files } of places) {
        const proving = await PieceReader.prove(files, entry, leaves);
        if (proving.lost.length === 0) return proving;
        if (best === undefined || proving.lost.length < best.lost.length) best = proving;
      }
      tried = [...tried, ...places.map(({ dir }) => dir)];
    }
  }

  /** Places of a piece; the one where it would be if there is none. */
  async #placesOf(root: Uint8Array): Promise<PlaceOfPiece[]> {
    const name = nameOfPiece(root);
    const found = await this.volumes.locate(name);
    return found.length > 0 ? found : [this.volumes.placeNow(name)];
  }

  /**
   * A range of a piece with its proof (storage/core/range.ts); undefined if this store cannot prove it.
   * @throws UnreachableError if a volume that has the piece cannot be asked, and no other one proves it
   */
  async readRange(entry: PieceEntry, range: number): Promise<ProvenRange | undefined> {
    let tried: readonly string[] = [];
    let unreachable: UnreachableError | undefined;
    for (;;) {
      const places = (await this.#placesOf(entry.root)).filter(({ dir }) => !tried.includes(dir));
      if (places.length === 0) break;
      for (const { files } of places) {
        try {
          const proven = await readRange(files, entry, range);
          if (proven !== undefined) return proven;
        } catch (error) {
          if (!(error instanceof UnreachableError)) throw error;
          unreachable = error;
        }
      }
      tried = [...tried, ...places.map(({ dir }) => dir)];
    }
    if (unreachable !== undefined) throw unreachable;
    return undefined;
  }

  /** Remembers damage that a check found, so that `faultOf` reports it until the file is replaced; undefined: there is none. */
  async noteDamage({ root }: PieceEntry, text: string | undefined): Promise<void> {
    if (text === undefined) this.#damage.delete(toHex(root));
    else this.#damage.set(toHex(root), { text, version: await this.#version(root) });
  }

  /** The damage that was noted, if the piece's files are still those in which it was found. */
  async notedDamage({ root }: Pick<PieceEntry, "root">): Promise<string | undefined> {
    const noted = this.#damage.get(toHex(root));
    if (noted === undefined || noted.version === (await this.#version(root))) return noted?.text;
    this.#damage.delete(toHex(root));
    return undefined;
  }

  /** Changes when the bytes of a piece are written or replaced. */
  async #version(root: Uint8Array): Promise<string> {
    const places = await this.#placesOf(root);
    return (await Promise.all(places.map(({ volume }) => volume.version(nameOfPiece(root))))).join();
  }

  /**
   * The fault of a stored piece, found without reading its bytes; undefined if all files exist with the right sizes, and no check found
   * damage in them.
   */
  async faultOf(entry: PieceEntry): Promise<string | undefined> {
    const noted = await this.notedDamage(entry);
    if (noted !== undefined) return noted;
    let fault: string | undefined;
    const name = nameOfPiece(entry.root);
    for (const { volume } of await this.#placesOf(entry.root)) {
      const here = await volume.faultOf(name, entry);
      if (here === undefined) return undefined;
      fault ??= here;
    }
    const gone = (await this.volumes.look()).filter(({ condition }) => condition === "gone");
    if (gone.length === 0 || (await this.volumes.locate(name)).length > 0) return fault;
    const paths = gone.map(({ path, reason }) => `${path} (${reason})`).join(", ");
    return `${toHex(entry.root)}: on no volume that can be read; gone: ${paths}`;
  }
}

/** The name of a piece's folder. */
export function nameOfPiece(root: Uint8Array): string {
  return toHex(root).slice(2);
}
