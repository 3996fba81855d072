/**
 * R44: what a provider keeps on disk about reading, so that neither a restart nor a kill loses it: revocations, permissions for anybody, and
 * the bytes sent for each permission today. Everything is durable when a method resolves.
 */
import type { Level } from "level";
import type { Permission } from "../../protocol/codec/permission.ts";
import { fromHex, toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { namingFullDisk } from "../../storage/disk/disk-full.ts";
import { StoreError } from "../../storage/disk/store.ts";
import { openLevel } from "../open-level.ts";

/** Sequences from `first` to `last`. */
export type Sequences = { readonly first: number; readonly last: number };

/** A permission for anybody, with the account that signed it. */
export type PublishedPermission = Permission & { readonly digest: Hex; readonly signer: Hex };

/** Bytes of a day that are counted as sent; `day` in days of UTC since 1970. */
export type Usage = { readonly day: number; readonly bytes: number };

/** Limits on what one payer can make the provider keep for a group. */
export const mostOfGroup = {
  /** Revoked sequences that do not adjoin. */
  gaps: 256,
  /** Permissions for anybody. */
  published: 256,
  /** Permissions with a limit of bytes that are used in a day. */
  used: 256,
} as const;

const format = 1;
type Saved<T> = { readonly format: number; readonly value: T };
type SavedPermission = Omit<PublishedPermission, "signature"> & { readonly signature: string };

export class ReadingStore {
  readonly #db: Level<string, Uint8Array>;
  readonly #dir: string;
  readonly #revoked = new Map<Hex, readonly Sequences[]>();
  readonly #published = new Map<Hex, Map<Hex, PublishedPermission>>();
  /** By group and permission. */
  readonly #usage = new Map<string, Map<string, Usage>>();

  private constructor(dir: string, db: Level<string, Uint8Array>) {
    this.#dir = dir;
    this.#db = db;
  }

  /** @throws FolderInUseError; StoreError if it or a record is damaged; DiskFullError */
  static async open(dir: string): Promise<ReadingStore> {
    const db = await openLevel(dir, { remedy: "restore the folder" });
    const store = new ReadingStore(dir, db);
    for await (const [key, value] of db.iterator()) store.#read(key, value);
    return store;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #read(key: string, bytes: Uint8Array): void {
    const [kind, group = "", name = ""] = key.split("/");
    const parsed = parse(key, bytes);
    if (kind === "r") this.#revoked.set(group as Hex, parsed as readonly Sequences[]);
    if (kind === "p") {
      const { signature, ...rest } = parsed as SavedPermission;
      inner(this.#published, group as Hex).set(name as Hex, { ...rest, signature: fromHex(signature) });
    }
    if (kind === "u") inner(this.#usage, group).set(name, parsed as Usage);
  }

  async #write(key: string, value: unknown): Promise<void> {
    const saved: Saved<unknown> = { format, value };
    const bytes = new TextEncoder().encode(JSON.stringify(saved));
    await namingFullDisk(this.#dir, () => this.#db.put(key, bytes, { sync: true }));
  }

  isRevoked(group: Hex, sequence: number): boolean {
    return (this.#revoked.get(group) ?? []).some(({ first, last }) => first <= sequence && sequence <= last);
  }

  /** False: the group has too many gaps between revoked sequences. */
  async revoke(group: Hex, added: Sequences): Promise<boolean> {
    const all = merged([...(this.#revoked.get(group) ?? []), added]);
    if (all.length > mostOfGroup.gaps) return false;
    // In memory first: a permission that was revoked must not be used while the disk writes.
    this.#revoked.set(group, all);
    await this.#write(`r/${group}`, all);
    for (const { digest, sequence } of this.published(group)) {
      if (this.isRevoked(group, sequence)) await this.unpublish(group, digest);
    }
    return true;
  }

  published(group: Hex): readonly PublishedPermission[] {
    return [...(this.#published.get(group)?.values() ?? [])];
  }

  /** Groups with a permission for anybody. */
  publishing(): Hex[] {
    return [...this.#published.keys()];
  }

  async publish(group: Hex, permission: PublishedPermission): Promise<void> {
    const { signature, ...rest } = permission;
    const saved: SavedPermission = { ...rest, signature: toHex(signature) };
    await this.#write(`p/${group}/${permission.digest}`, saved);
    inner(this.#published, group).set(permission.digest, permission);
  }

  async unpublish(group: Hex, digest: Hex): Promise<void> {
    const ofGroup = this.#published.get(group);
    ofGroup?.delete(digest);
    if (ofGroup?.size === 0) this.#published.delete(group);
    await this.#db.del(`p/${group}/${digest}`, { sync: true });
  }

  usage(group: string, name: string): Usage | undefined {
    return this.#usage.get(group)?.get(name);
  }

  /** False: too many permissions of the group were used today. */
  async use(group: string, name: string, usage: Usage): Promise<boolean> {
    const ofGroup = inner(this.#usage, group);
    if (!ofGroup.has(name) && ofGroup.size >= mostOfGroup.used) {
      for (const [other, { day }] of ofGroup) if (day !== usage.day) await this.#forget(group, other);
      if (ofGroup.size >= mostOfGroup.used) return false;
    }
    const before = ofGroup.get(name);
    ofGroup.set(name, usage);
    try {
      await this.#write(`u/${group}/${name}`, usage);
    } catch (error) {
      if (before === undefined) ofGroup.delete(name);
      else ofGroup.set(name, before);
      throw error;
    }
    return true;
  }

  async #forget(group: string, name: string): Promise<void> {
    this.#usage.get(group)?.delete(name);
    await this.#db.del(`u/${group}/${name}`);
  }
}

function inner<K, L, V>(outer: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const found = outer.get(key);
  if (found !== undefined) return found;
  const made = new Map<L, V>();
  outer.set(key, made);
  return made;
}

/** Ascending and without neighbours that touch. */
function merged(ranges: readonly Sequences[]): Sequences[] {
  const out: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = out.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else out.push({ first, last });
  }
  return out;
}

function parse(key: string, bytes: Uint8Array): unknown {
  try {
    const { format: found, value } = JSON.parse(new TextDecoder().decode(bytes)) as Saved<unknown>;
    if (found !== format) throw new RangeError(`format: expected ${format}, actual ${found}`);
    return value;
  } catch (error) {
    throw new StoreError(`reading record ${key}: damaged: ${(error as Error).message}; restore the folder`);
  }
}
