/**
 * Requests to store, on disk (R43). A request is known by its group and list root; the peer that sends the data, and with it the digest, may
 * change. Everything is written before it is acknowledged, so that a kill at any point loses nothing.
 */
import type { Level } from "level";
import { concatBytes, fromHex, toHex } from "../../storage/core/bytes.ts";
import { ByteCache } from "../../storage/core/byte-cache.ts";
import { listMemory, listOfEntries, PieceEntries } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { namingFullDisk } from "../../storage/disk/disk-full.ts";
import { StoreError } from "../../storage/disk/store.ts";
import type { FetchPiece } from "../../protocol/codec/store.ts";
import type { GroupBirth, StoreRequest } from "../../protocol/codec/store-request.ts";
import type { Hex } from "../../protocol/hash.ts";
import { openLevel } from "../open-level.ts";

/** "waiting": the group does not commit to it yet. "serving": it does. "over": it did. */
export type RequestState = "waiting" | "serving" | "over";

export type KeptRequest = {
  readonly request: StoreRequest;
  readonly birth: GroupBirth | undefined;
  /** Text form of the peer that may send the data, and the digest that names the request in its messages. */
  readonly peer: string;
  readonly digest: Hex;
  /** Ascending in the order of acceptance. */
  readonly order: number;
  readonly state: RequestState;
  /** Entries of the list that are stored. */
  readonly listed: number;
  /** All entries are stored and are the list of the request. */
  readonly isChecked: boolean;
  /** Waiting: last block until which it waits. Over: last block until which its data stays. */
  readonly until: number;
  /** Last block in which a consent given for it may be used; 0: none was given. */
  readonly consentUntil: number;
};

const format = 1;
/** Bytes of lists in memory: about 20 of the longest. */
const maxListBytes = 64 * 1024 * 1024;

type Saved = Omit<KeptRequest, "request" | "birth"> & {
  readonly format: number;
  readonly request: Omit<StoreRequest, "price"> & { readonly price: string };
  readonly birth?: Omit<GroupBirth, "keeperFee"> & { readonly keeperFee: string };
};

type SavedPermission = Omit<FetchPermission, "signature"> & { readonly signature: string };

type Put = { readonly type: "put"; readonly key: string; readonly value: Uint8Array };

/** The payer's permission for this provider to fetch the request's pieces from other providers. */
export type FetchPermission = Omit<FetchPiece, "kind" | "digest" | "piece">;

export function keyOf({ group, listRoot }: Pick<StoreRequest, "group" | "listRoot">): string {
  return `${group}/${listRoot}`;
}

export class StoredRequests {
  readonly #db: Level<string, Uint8Array>;
  readonly #dir: string;
  readonly #byKey = new Map<string, KeptRequest>();
  readonly #byDigest = new Map<Hex, string>();
  readonly #lists = new ByteCache<PieceList>(maxListBytes, listMemory);

  private constructor(dir: string, db: Level<string, Uint8Array>) {
    this.#dir = dir;
    this.#db = db;
  }

  /** @throws FolderInUseError; StoreError if it or a record is damaged; DiskFullError */
  static async open(dir: string): Promise<StoredRequests> {
    const db = await openLevel(dir, { remedy: "restore the folder" });
    const requests = new StoredRequests(dir, db);
    for await (const [key, value] of db.iterator({ gte: "r/", lt: "r0" }))
      requests.#remember(parse(key, value));
    return requests;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  /** All requests, the oldest first. */
  all(): KeptRequest[] {
    return [...this.#byKey.values()].sort((a, b) => a.order - b.order);
  }

  get(request: Pick<StoreRequest, "group" | "listRoot">): KeptRequest | undefined {
    return this.#byKey.get(keyOf(request));
  }

  byDigest(digest: Hex): KeptRequest | undefined {
    const key = this.#byDigest.get(digest);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  /** Whether a request that is not over names this peer as the sender of its data. */
  isSender(peer: string): boolean {
    for (const kept of this.#byKey.values()) if (kept.peer === peer && kept.state !== "over") return true;
    return false;
  }

  nextOrder(): number {
    return Math.max(0, ...[...this.#byKey.values()].map(({ order }) => order)) + 1;
  }

  /** Durable when it resolves. */
  async put(kept: KeptRequest): Promise<void> {
    await this.#write([recordOf(kept)]);
    this.#remember(kept);
  }

  #remember(kept: KeptRequest): void {
    const key = keyOf(kept.request);
    const before = this.#byKey.get(key);
    if (before !== undefined) this.#byDigest.delete(before.digest);
    this.#byKey.set(key, kept);
    this.#byDigest.set(kept.digest, key);
  }

  async #write(batch: readonly Put[]): Promise<void> {
    await namingFullDisk(this.#dir, () => this.#db.batch([...batch], { sync: true }));
  }

  /** Appends entries of the list. Durable when it resolves. */
  async addEntries(kept: KeptRequest, pieces: PieceEntries): Promise<KeptRequest> {
    const after = { ...kept, listed: kept.listed + pieces.length };
    const key = `l/${keyOf(kept.request)}/${String(kept.listed).padStart(8, "0")}`;
    await this.#write([{ type: "put", key, value: pieces.bytes }, recordOf(after)]);
    this.#remember(after);
    return after;
  }

  /** Forgets the entries of the list. */
  async dropEntries(kept: KeptRequest): Promise<KeptRequest> {
    const after = { ...kept, listed: 0, isChecked: false };
    await this.put(after);
    await this.#clear(`l/${keyOf(kept.request)}/`);
    this.#lists.delete(keyOf(kept.request));
    return after;
  }

  /** The list as it was sent, which the caller checks against the request. @throws RangeError if it is no list */
  async list({ request }: KeptRequest): Promise<PieceList> {
    const key = keyOf(request);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const pages: Uint8Array[] = [];
    for await (const value of this.#db.values(within(`l/${key}/`))) pages.push(value);
    const list = listOfEntries(new PieceEntries(concatBytes(...pages)));
    if (toHex(list.root) === request.listRoot) this.#lists.set(key, list);
    return list;
  }

  /** Keeps the permission that ends last. */
  async permit({ request }: KeptRequest, message: FetchPiece): Promise<void> {
    const before = await this.permission({ request });
    if (before !== undefined && before.until >= message.until) return;
    // All fields of the permission are kept, because the signature covers them.
    const { kind: _, digest: _digest, piece: _piece, signature, ...rest } = message;
    const saved: SavedPermission = { ...rest, signature: toHex(signature) };
    await this.#write([{ type: "put", key: `f/${keyOf(request)}`, value: textBytes(JSON.stringify(saved)) }]);
  }

  async permission({ request }: Pick<KeptRequest, "request">): Promise<FetchPermission | undefined> {
    const value = await this.#db.get(`f/${keyOf(request)}`);
    if (value === undefined) return undefined;
    const saved = JSON.parse(new TextDecoder().decode(value)) as SavedPermission;
    return { ...saved, signature: fromHex(saved.signature) };
  }

  /** Gives a piece of the list a name; one name has one piece, and one piece one name. */
  async name({ request }: KeptRequest, piece: number, name: string): Promise<void> {
    const key = keyOf(request);
    const before = await this.nameOf(request, piece);
    const holder = await this.pieceOf(request, name);
    if (before === name) return;
    const deletes = [
      ...(before === undefined ? [] : [`t/${key}/${before}`]),
      ...(holder === undefined ? [] : [`p/${key}/${holder}`]),
    ].map((gone) => ({ type: "del" as const, key: gone }));
    const puts = [
      { type: "put" as const, key: `t/${key}/${name}`, value: textBytes(String(piece)) },
      { type: "put" as const, key: `p/${key}/${piece}`, value: textBytes(name) },
    ];
    await namingFullDisk(this.#dir, () => this.#db.batch([...deletes, ...puts], { sync: true }));
  }

  async nameOf(
    request: Pick<StoreRequest, "group" | "listRoot">,
    piece: number,
  ): Promise<string | undefined> {
    const value = await this.#db.get(`p/${keyOf(request)}/${piece}`);
    return value && new TextDecoder("utf-8", { ignoreBOM: true }).decode(value);
  }

  async pieceOf(
    request: Pick<StoreRequest, "group" | "listRoot">,
    name: string,
  ): Promise<number | undefined> {
    const value = await this.#db.get(`t/${keyOf(request)}/${name}`);
    return value && Number(new TextDecoder().decode(value));
  }

  /** Piece and name of each named piece of a list. */
  async names(request: Pick<StoreRequest, "group" | "listRoot">): Promise<Map<number, string>> {
    const prefix = `p/${keyOf(request)}/`;
    const found = new Map<number, string>();
    for await (const [key, value] of this.#db.iterator(within(prefix))) {
      found.set(
        Number(key.slice(prefix.length)),
        new TextDecoder("utf-8", { ignoreBOM: true }).decode(value),
      );
    }
    return found;
  }

  /** Forgets a request, its list and its names. */
  async drop(kept: KeptRequest): Promise<void> {
    const { request, digest } = await this.dropEntries(kept);
    const key = keyOf(request);
    // The record last: after a crash the request, now without a list, is dropped again.
    for (const prefix of [`l/${key}/`, `t/${key}/`, `p/${key}/`]) await this.#clear(prefix);
    await this.#db.del(`f/${key}`);
    await this.#db.del(`r/${key}`, { sync: true });
    this.#byKey.delete(key);
    this.#byDigest.delete(digest);
    this.#lists.delete(key);
  }

  async #clear(prefix: string): Promise<void> {
    await this.#db.clear(within(prefix));
  }
}

/** All keys with a prefix that ends with a slash. */
function within(prefix: string): { readonly gte: string; readonly lt: string } {
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` };
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function recordOf({ request, birth, ...rest }: KeptRequest): Put {
  const saved: Saved = {
    format,
    ...rest,
    request: { ...request, price: String(request.price) },
    ...(birth === undefined ? {} : { birth: { ...birth, keeperFee: String(birth.keeperFee) } }),
  };
  return { type: "put", key: `r/${keyOf(request)}`, value: textBytes(JSON.stringify(saved)) };
}

function parse(key: string, value: Uint8Array): KeptRequest {
  try {
    const { format: found, request, birth, ...rest } = JSON.parse(new TextDecoder().decode(value)) as Saved;
    if (found !== format) throw new RangeError(`format: expected ${format}, actual ${found}`);
    return {
      ...rest,
      request: { ...request, price: BigInt(request.price) },
      birth: birth && { ...birth, keeperFee: BigInt(birth.keeperFee) },
    };
  } catch (error) {
    throw new StoreError(`request ${key}: damaged: ${(error as Error).message}; restore the folder`);
  }
}
