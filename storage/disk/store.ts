import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { chmod, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { equalBytes, fromHex, toHex } from "../core/bytes.ts";
import { ByteCache } from "../core/byte-cache.ts";
import { listMemory, makePieceList } from "../core/piece-list.ts";
import type { PieceEntry, PieceList } from "../core/piece-list.ts";
import type { PieceProof, Proof } from "../core/proof.ts";
import type { Draw } from "../core/sampling.ts";
import { syncPath, writeFileAtomic } from "./atomic-write.ts";
import { hashFile, pieceSourceStats } from "./hash-file.ts";
import type { HashOptions } from "./hash-file.ts";
import { PieceReader } from "./piece-reader.ts";
import { readRange } from "./range-reader.ts";
import type { ProvenRange } from "./range-reader.ts";
import { treeHeaderBytes, decodeTreeHeader, encodeTreeHeader, treeLayout } from "./tree-file.ts";

/** Stored data is damaged or missing. The message names the file and the remedy. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

export type ProvenSampleOnDisk = {
  readonly proof: Proof;
  /** Draws without a proof because their bytes are missing or damaged. */
  readonly lost: readonly { readonly piece: number; readonly leaf: number; readonly reason: string }[];
  readonly warnings: readonly string[];
};

/** Bytes of the lists in memory: about 20 of the longest. */
const maxListBytes = 64 * 1024 * 1024;

export type CurrentList = {
  /** Undefined: the list of the pieces that are in no group yet. */
  readonly group: string | undefined;
  readonly list: PieceList;
};

const groupName = /^0x[0-9a-f]{40}$/;

type ListFile = {
  readonly version: 1;
  readonly pieces: readonly { readonly root: string; readonly size: number }[];
};

/**
 * A provider's pieces on disk:
 *   pieces/<root>/data, tree   a piece's bytes, the file of `treeLayout`, and `name`, the name of the source file
 *   lists/<list root>.json     every list that the provider has signed for; a challenge names one by its root
 *   groups/<address>           root of the current list of a group; empty if all its pieces were removed
 *   list                       root of the current list of the pieces that are in no group yet
 *   tmp/                       incomplete pieces; emptied at the next open
 * One process writes at a time, since it replaces whole lists; any number of processes may prove.
 */
export class PieceStore {
  readonly dir: string;
  readonly #lists = new ByteCache(maxListBytes, listMemory);

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Creates missing folders and deletes incomplete pieces of a crashed process. */
  static async open(dir: string): Promise<PieceStore> {
    for (const name of ["pieces", "lists", "groups", "tmp"])
      await mkdir(join(dir, name), { recursive: true });
    for (const name of await readdir(join(dir, "tmp"))) {
      // The name of an incomplete piece has its process id, so pieces of a running ingest stay.
      if (!isRunning(Number(name.split("-")[0])))
        await rm(join(dir, "tmp", name), { recursive: true, force: true });
    }
    return new PieceStore(dir);
  }

  /** Folder of a piece: `data` and `tree`. */
  pieceDir(root: Uint8Array): string {
    return join(this.dir, "pieces", toHex(root).slice(2));
  }

  /**
   * Copies a file into the store and hashes the copied bytes. A piece that is already stored stays.
   * @throws PieceSourceError if the file cannot become a piece
   */
  async ingest(source: string, options: HashOptions = {}): Promise<PieceEntry> {
    const { size } = await pieceSourceStats(source);
    const work = join(this.dir, "tmp", `${process.pid}-${randomBytes(6).toString("hex")}`);
    await mkdir(work);
    try {
      const data = join(work, "data");
      const tree = join(work, "tree");
      await allocate(data, size);
      await allocate(tree, treeLayout(size).fileBytes);
      const entry = await this.#fill(source, size, { data, tree }, options);
      await syncPath(data);
      await syncPath(tree);
      await chmod(data, 0o444);
      await writeFile(join(work, "name"), basename(source));
      await this.#publish(work, entry);
      return entry;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #fill(
    source: string,
    size: number,
    files: { data: string; tree: string },
    options: HashOptions,
  ): Promise<PieceEntry> {
    const layout = treeLayout(size);
    const tree = openSync(files.tree, "r+");
    try {
      const hashed = await hashFile(source, options, {
        ...files,
        onNode: (level, index, hash) =>
          writeSync(tree, hash, 0, hash.length, layout.nodeOffset(level, index)),
      });
      if (hashed.size !== size) {
        throw new StoreError(
          `${source}: changed while it was read; expected ${size} bytes, actual ${hashed.size}`,
        );
      }
      writeSync(tree, encodeTreeHeader(size, hashed.root), 0, treeHeaderBytes, 0);
      return { root: hashed.root, size };
    } finally {
      closeSync(tree);
    }
  }

  async #publish(work: string, entry: PieceEntry): Promise<void> {
    const target = this.pieceDir(entry.root);
    await syncPath(work);
    if ((await stat(target).catch(() => undefined)) === undefined) {
      await rename(work, target);
    } else {
      // The stored piece may be damaged. The new copy is complete and replaces it file by file, without a gap.
      for (const name of ["data", "tree", "name"]) await rename(join(work, name), join(target, name));
      await syncPath(target);
    }
    await syncPath(join(this.dir, "pieces"));
  }

  /** The current list of a group, or of the pieces in no group; undefined if there is none. */
  async currentList(group?: string): Promise<PieceList | undefined> {
    const path = this.#currentPath(group);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const root = text.trim();
    if (root === "") return undefined;
    if (!/^0x[0-9a-f]{64}$/.test(root)) {
      throw new StoreError(`${path}: expected a list root (0x and 64 hex digits); restore the file`);
    }
    const list = await this.list(fromHex(root));
    if (list === undefined)
      throw new StoreError(`${join(this.dir, "lists", root)}.json: missing; restore the file`);
    return list;
  }

  /** Every group that has or had a list in this store. */
  async groups(): Promise<string[]> {
    return (await readdir(join(this.dir, "groups"))).filter((name) => groupName.test(name)).sort();
  }

  /** All current lists: of each group that has one, and of the pieces in no group. */
  async currentLists(): Promise<CurrentList[]> {
    const found: CurrentList[] = [];
    for (const group of [undefined, ...(await this.groups())]) {
      const list = await this.currentList(group);
      if (list !== undefined) found.push({ group, list });
    }
    return found;
  }

  /**
   * Appends pieces that the group's list does not have yet, or starts a new list, and makes the result current. Without a group, it
   * uses the list of the pieces in no group.
   */
  async addToList(
    entries: readonly PieceEntry[],
    { replace = false, group }: { readonly replace?: boolean; readonly group?: string } = {},
  ): Promise<PieceList> {
    const before = replace ? [] : ((await this.currentList(group))?.pieces ?? []);
    const known = new Set(before.map((piece) => toHex(piece.root)));
    const pieces = [...before];
    for (const entry of entries) {
      const root = toHex(entry.root);
      if (known.has(root)) continue;
      known.add(root);
      pieces.push(entry);
    }
    const list = makePieceList(pieces);
    await this.#makeCurrent(list, group);
    return list;
  }

  /** The group's list; if it has none, the list of the pieces in no group becomes its list. Undefined if there is neither. */
  async claimList(group: string): Promise<PieceList | undefined> {
    const own = await this.currentList(group);
    const free = await this.currentList();
    if (free === undefined) return own;
    // A crash between the two writes below leaves the same list in both places.
    if (own !== undefined && !equalBytes(own.root, free.root)) return own;
    await this.#makeCurrent(free, group);
    await rm(this.#currentPath(undefined));
    return free;
  }

  /**
   * Removes pieces from a list. Their bytes stay, and so does every signed list. Returns the new list; undefined if it would be
   * empty.
   */
  async removeFromList(roots: ReadonlySet<string>, group?: string): Promise<PieceList | undefined> {
    const before = await this.currentList(group);
    const pieces = [...(before?.pieces ?? [])].filter(({ root }) => !roots.has(toHex(root)));
    if (pieces.length === 0) {
      // The group stays known: keepers may still challenge its signed lists.
      await writeFileAtomic(this.#currentPath(group), "");
      return undefined;
    }
    const list = makePieceList(pieces);
    await this.#makeCurrent(list, group);
    return list;
  }

  /** Roots of all stored pieces. */
  async storedRoots(): Promise<string[]> {
    const names = await readdir(join(this.dir, "pieces"));
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `0x${name}`);
  }

  /** Deletes the bytes of a piece. Returns their number. */
  async deletePiece(root: string): Promise<number> {
    const dir = this.pieceDir(fromHex(root, 32));
    const { size } = await stat(join(dir, "data"));
    await rm(dir, { recursive: true });
    return size;
  }

  /** The name of a piece's source file; undefined if it is unknown. */
  async nameOf(root: Uint8Array): Promise<string | undefined> {
    return readFile(join(this.pieceDir(root), "name"), "utf8").catch(() => undefined);
  }

  async #makeCurrent(list: PieceList, group: string | undefined): Promise<void> {
    const pieces = list.pieces.map(({ root, size }) => ({ root: toHex(root), size }));
    const file: ListFile = { version: 1, pieces };
    await writeFileAtomic(this.#listPath(list.root), `${JSON.stringify(file, undefined, 1)}\n`);
    await writeFileAtomic(this.#currentPath(group), `${toHex(list.root)}\n`);
  }

  #currentPath(group: string | undefined): string {
    return group === undefined ? join(this.dir, "list") : join(this.dir, "groups", group.toLowerCase());
  }

  /** A list by its root; undefined if this store never had it. @throws StoreError if the file is damaged */
  async list(root: Uint8Array): Promise<PieceList | undefined> {
    const key = toHex(root);
    const cached = this.#lists.get(key);
    if (cached) return cached;
    const path = this.#listPath(root);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const list = parseList(path, text);
    if (!equalBytes(list.root, root)) {
      throw new StoreError(
        `${path}: damaged: expected the list ${key}, actual ${toHex(list.root)}; restore the file`,
      );
    }
    this.#lists.set(key, list);
    return list;
  }

  #listPath(root: Uint8Array): string {
    return join(this.dir, "lists", `${toHex(root)}.json`);
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
      const proving = await PieceReader.prove(this.pieceDir(entry.root), entry, [
        ...(byPiece.get(piece) ?? []),
      ]);
      if (proving.proof) pieces.push({ piece, ...proving.proof });
      lost.push(...proving.lost.map((leaf) => ({ piece, ...leaf })));
      warnings.push(...proving.warnings);
    }
    return { proof: { pieces }, lost, warnings };
  }

  /** A range of a piece with its proof (storage/core/range.ts); undefined if this store cannot prove it. */
  readRange(entry: PieceEntry, range: number): Promise<ProvenRange | undefined> {
    return readRange(this.pieceDir(entry.root), entry, range);
  }

  /** The fault of a stored piece, found without reading its bytes; undefined if all files exist with the right sizes. */
  async faultOf(entry: PieceEntry): Promise<string | undefined> {
    const dir = this.pieceDir(entry.root);
    const expected = { data: entry.size, tree: treeLayout(entry.size).fileBytes };
    for (const name of ["data", "tree"] as const) {
      const path = join(dir, name);
      const stats = await stat(path).catch(() => undefined);
      if (stats === undefined) return `${path}: missing; ingest the file again`;
      if (stats.size !== expected[name]) {
        return `${path}: expected ${expected[name]} bytes, actual ${stats.size}; ingest the file again`;
      }
    }
    const file = await open(join(dir, "tree"), "r");
    try {
      const { buffer } = await file.read(Buffer.alloc(treeHeaderBytes), 0, treeHeaderBytes, 0);
      const header = decodeTreeHeader(buffer);
      if (header?.size === entry.size && equalBytes(header.root, entry.root)) return undefined;
      return `${join(dir, "tree")}: its header is damaged; ingest the file again`;
    } finally {
      await file.close();
    }
  }
}

function parseList(path: string, text: string): PieceList {
  try {
    const file = JSON.parse(text) as ListFile;
    if (file.version !== 1) throw new RangeError(`version: expected 1, actual ${String(file.version)}`);
    return makePieceList(file.pieces.map(({ root, size }) => ({ root: fromHex(root, 32), size })));
  } catch (error) {
    throw new StoreError(`${path}: damaged: ${(error as Error).message}; restore the file`);
  }
}

async function allocate(path: string, size: number): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
