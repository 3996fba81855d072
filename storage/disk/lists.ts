/** A provider's lists of pieces on disk, by root and by group. */
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { equalBytes, fromHex, toHex } from "../core/bytes.ts";
import { ByteCache } from "../core/byte-cache.ts";
import { listMemory, makePieceList } from "../core/piece-list.ts";
import type { PieceEntry, PieceList } from "../core/piece-list.ts";
import { writeFileAtomic } from "./atomic-write.ts";

/** Stored data is damaged or missing. The message names the file and the remedy. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

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
 *   lists/<list root>.json     every list that the provider has signed for; a challenge names one by its root
 *   groups/<address>           root of the current list of a group; empty if all its pieces were removed
 *   list                       root of the current list of the pieces that are in no group yet
 *   waiting/<group>-<root>.json  a list that arrives by offer and that its group does not commit to yet
 * One process writes at a time, since it replaces whole lists.
 */
export class PieceLists {
  readonly dir: string;
  readonly #lists = new ByteCache(maxListBytes, listMemory);

  protected constructor(dir: string) {
    this.dir = dir;
  }

  /** Creates missing folders. */
  protected static async makeFolders(dir: string): Promise<void> {
    for (const name of ["lists", "groups", "waiting"]) await mkdir(join(dir, name), { recursive: true });
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

  async #makeCurrent(list: PieceList, group: string | undefined): Promise<void> {
    await this.keepList(list);
    await writeFileAtomic(this.#currentPath(group), `${toHex(list.root)}\n`);
  }

  /** Protects the pieces of a list that its group does not commit to yet: other processes may delete what is in no list. */
  async beginWait(list: PieceList, group: string): Promise<void> {
    await writeFileAtomic(this.#waitingPath(list, group), listText(list));
  }

  async endWait(list: PieceList, group: string): Promise<void> {
    await rm(this.#waitingPath(list, group), { force: true });
  }

  async waitingLists(): Promise<PieceList[]> {
    const lists: PieceList[] = [];
    for (const name of await readdir(join(this.dir, "waiting"))) {
      if (!name.endsWith(".json")) continue;
      const path = join(this.dir, "waiting", name);
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        // It ended meanwhile.
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (text !== undefined) lists.push(parseList(path, text));
    }
    return lists;
  }

  #waitingPath(list: PieceList, group: string): string {
    return join(this.dir, "waiting", `${group.toLowerCase()}-${toHex(list.root)}.json`);
  }

  /** Keeps a list, so that challenges under its root can be answered. */
  async keepList(list: PieceList): Promise<void> {
    await writeFileAtomic(this.#listPath(list.root), listText(list));
  }

  /** Makes a list the group's current one, durably. */
  async useList(list: PieceList, group: string): Promise<void> {
    await this.#makeCurrent(list, group);
  }

  /** Forgets a list under which nobody can challenge any more. If it is the group's current one, the group has none. */
  async forgetList(list: PieceList, group: string): Promise<void> {
    const current = await this.currentList(group);
    if (current !== undefined && equalBytes(current.root, list.root)) {
      await rm(this.#currentPath(group), { force: true });
    }
    // Another group may have the same list, of public pieces.
    const others = await this.currentLists();
    if (others.some((other) => equalBytes(other.list.root, list.root))) return;
    this.#lists.delete(toHex(list.root));
    await rm(this.#listPath(list.root), { force: true });
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
}

function listText(list: PieceList): string {
  const pieces = list.pieces.map(({ root, size }) => ({ root: toHex(root), size }));
  const file: ListFile = { version: 1, pieces };
  return `${JSON.stringify(file, undefined, 1)}\n`;
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
