/**
 * The keeper's store on LevelDB. Every write that the protocol needs is one atomic batch, synced to disk before its promise
 * resolves (S5, S6). Numbers in keys have 16 hex digits, so that keys sort in numeric order.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import type { OwnValues, Write } from "../core/effects.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ProviderValue } from "../../protocol/messages.ts";
import type { ChallengeRecord, LeafKey } from "../../protocol/records.ts";
import type { EvidencePair, Restored, StoredProof, StorePort } from "../ports/store.ts";
import { DiskFullError, isDiskFull, namingFullDisk } from "../../storage/disk/disk-full.ts";

/** Buckets: the first two characters of every key. Append only; a number is never reused. */
const bucket = {
  /** "00version" → layout version; "00head/<committee>" → highest head seen */
  meta: "00",
  /** committee / ts / turn → signed digest (R23) */
  note: "10",
  /** committee / ts / turn → own values and records root (R26) */
  own: "11",
  /** committee / ts / round → salt */
  salt: "12",
  /** committee / ts → bytes of the slot before ts (R14) */
  before: "13",
  /** committee / ts / turn → certificate behind a noted digest, and its groups (R29) */
  certificate: "14",
  /** committee / version → consent of the daemon (R37) */
  consent: "15",
  /** committee / slot / group / provider → record */
  record: "20",
  /** committee / slot / group / provider → receipt, seed and full proof */
  proof: "21",
  /** committee / list root → entries of a piece list in their wire encoding (R10) */
  list: "22",
  /** committee / number → two contradicting signed messages */
  evidence: "30",
} as const;

const layoutVersion = "2";
const end = "\uffff";
/** Most pairs kept for a committee, so that a cheating keeper cannot fill the disk. */
const maxEvidencePerCommittee = 256;

export class StoreError extends Error {}

/** Another process has the store open. Two signing processes are unsafe (D9). */
export class StoreInUseError extends StoreError {}

function num(value: number): string {
  return value.toString(16).padStart(16, "0");
}

function leafName({ slot, group, provider }: LeafKey): string {
  return `${num(slot)}/${num(group)}/${num(provider)}`;
}

const bigintKeys = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? { $bigint: value.toString() } : value;

const revive = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "$bigint" in value
    ? BigInt((value as { $bigint: string }).$bigint)
    : value;

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, bigintKeys));
}

function parsed(bytes: Uint8Array, key: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes), revive);
  } catch {
    throw new StoreError(
      `store entry ${key} is damaged: restore the folder from a backup, or start from an empty one`,
    );
  }
}

type Operation = { readonly type: "put"; readonly key: string; readonly value: Uint8Array };

export class LevelStore implements StorePort {
  readonly #db: Level<string, Uint8Array>;
  #evidenceKept: Promise<void> = Promise.resolve();

  private constructor(db: Level<string, Uint8Array>) {
    this.#db = db;
  }

  /** Like `open`, but refuses a folder without a store instead of creating one. */
  static async openExisting(folder: string): Promise<LevelStore> {
    try {
      await access(join(folder, "CURRENT"));
    } catch {
      throw new StoreError(`${folder}: expected a keeper's store, actual none`);
    }
    return LevelStore.open(folder);
  }

  /** @throws StoreError if another process has the folder open or its layout version differs; DiskFullError */
  static async open(folder: string): Promise<LevelStore> {
    const db = new Level<string, Uint8Array>(folder, { keyEncoding: "utf8", valueEncoding: "view" });
    try {
      await db.open();
    } catch (error) {
      const cause = (error as { cause?: { message?: string; code?: string } }).cause;
      if (cause?.code === "LEVEL_LOCKED") {
        throw new StoreInUseError(`${folder} is in use by another process: one keeper per data folder (D9)`);
      }
      if (isDiskFull(error)) throw new DiskFullError(folder, { cause: error });
      throw new StoreError(`${folder} cannot be opened: ${cause?.message ?? String(error)}`);
    }
    const store = new LevelStore(db);
    try {
      await namingFullDisk(folder, () => store.#checkVersion(folder));
    } catch (error) {
      await db.close();
      throw error;
    }
    return store;
  }

  async #checkVersion(folder: string): Promise<void> {
    const db = this.#db;
    const version = await db.get(`${bucket.meta}version`);
    const found = version === undefined ? undefined : new TextDecoder().decode(version);
    if (found === undefined) {
      await db.put(`${bucket.meta}version`, new TextEncoder().encode(layoutVersion), { sync: true });
    } else if (found !== layoutVersion) {
      throw new StoreError(`${folder}: expected store version ${layoutVersion}, actual ${found}`);
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async load(committee: Hex): Promise<Restored> {
    const head = await this.#db.get(`${bucket.meta}head/${committee}`);
    return {
      kind: "restored",
      head: head === undefined ? -1 : (parsed(head, "head") as number),
      records: await this.#all<ChallengeRecord>(bucket.record, committee),
      notes: await this.#all<Restored["notes"][number]>(bucket.note, committee),
      own: await this.#all<OwnValues>(bucket.own, committee),
      certificates: await this.#all<Restored["certificates"][number]>(bucket.certificate, committee),
      salts: await this.#all<Restored["salts"][number]>(bucket.salt, committee),
      before: await this.#all<{ ts: number; bytes: ProviderValue[] }>(bucket.before, committee),
      consents: await this.#all<number>(bucket.consent, committee),
    };
  }

  /** Committees with stored state that matters for signing. */
  async committees(): Promise<Hex[]> {
    const found = new Set<string>();
    for (const prefix of [`${bucket.meta}head/`, bucket.note]) {
      for await (const key of this.#db.keys({ gt: prefix, lt: prefix + end })) {
        found.add(key.slice(prefix.length).split("/")[0] ?? "");
      }
    }
    return [...found].sort() as Hex[];
  }

  async #all<T>(prefix: string, committee: Hex): Promise<T[]> {
    const values: T[] = [];
    const range = { gt: `${prefix}${committee}/`, lt: `${prefix}${committee}/${end}` };
    for await (const [key, value] of this.#db.iterator(range)) values.push(parsed(value, key) as T);
    return values;
  }

  /** @throws DiskFullError if the disk is full; none of `writes` is kept then */
  async write(committee: Hex, writes: readonly Write[]): Promise<void> {
    const batch = writes.flatMap((write) => operations(committee, write));
    await namingFullDisk(this.#db.location, () => this.#db.batch(batch, { sync: true }));
  }

  async proofOf(committee: Hex, key: LeafKey): Promise<StoredProof | undefined> {
    const bytes = await this.#db.get(`${bucket.proof}${committee}/${leafName(key)}`);
    if (bytes === undefined) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const receiptLength = view.getUint32(0);
    const seedLength = view.getUint32(4);
    const seedAt = 8 + receiptLength;
    return {
      receipt: bytes.slice(8, seedAt),
      seed: bytes.slice(seedAt, seedAt + seedLength),
      proof: bytes.slice(seedAt + seedLength),
    };
  }

  async prune(committee: Hex, ts: number, firstSlot: number, certificatesFrom: number): Promise<void> {
    for (const prefix of [bucket.record, bucket.proof]) {
      await this.#db.clear({ gt: `${prefix}${committee}/`, lt: `${prefix}${committee}/${num(firstSlot)}` });
    }
    for (const prefix of [bucket.note, bucket.own, bucket.salt, bucket.before]) {
      await this.#db.clear({ gt: `${prefix}${committee}/`, lt: `${prefix}${committee}/${num(ts)}` });
    }
    const certificates = `${bucket.certificate}${committee}/`;
    await this.#db.clear({ gt: certificates, lt: certificates + num(certificatesFrom) });
  }

  /** Not synced, because a lost list is fetched again. */
  async keepList(committee: Hex, listRoot: Hex, entries: Uint8Array): Promise<void> {
    await this.#db.put(`${bucket.list}${committee}/${listRoot}`, entries);
  }

  listOf(committee: Hex, listRoot: Hex): Promise<Uint8Array | undefined> {
    return this.#db.get(`${bucket.list}${committee}/${listRoot}`);
  }

  async pruneLists(committee: Hex, inUse: ReadonlySet<Hex>): Promise<void> {
    const prefix = `${bucket.list}${committee}/`;
    const keys = await this.#db.keys({ gt: prefix, lt: prefix + end }).all();
    const gone = keys.filter((key) => !inUse.has(key.slice(prefix.length) as Hex));
    await this.#db.batch(gone.map((key) => ({ type: "del", key })));
  }

  /** Serialises writes of pairs, because each takes the next free number. */
  keepEvidence(pair: EvidencePair): Promise<void> {
    const kept = this.#evidenceKept.then(() => this.#addEvidence(pair));
    this.#evidenceKept = kept.catch(() => undefined);
    return kept;
  }

  async #addEvidence(pair: EvidencePair): Promise<void> {
    const range = {
      gt: `${bucket.evidence}${pair.committee}/`,
      lt: `${bucket.evidence}${pair.committee}/${end}`,
    };
    const keys = await this.#db.keys(range).all();
    if (keys.length >= maxEvidencePerCommittee) return;
    const value = json({
      committee: pair.committee,
      first: Buffer.from(pair.first).toString("base64"),
      second: Buffer.from(pair.second).toString("base64"),
    });
    await this.#db.put(`${bucket.evidence}${pair.committee}/${num(keys.length)}`, value, { sync: true });
  }

  async evidence(): Promise<readonly EvidencePair[]> {
    const pairs: EvidencePair[] = [];
    for await (const [key, value] of this.#db.iterator({ gt: bucket.evidence, lt: bucket.evidence + end })) {
      const stored = parsed(value, key) as { committee: Hex; first: string; second: string };
      pairs.push({
        committee: stored.committee,
        first: Buffer.from(stored.first, "base64"),
        second: Buffer.from(stored.second, "base64"),
      });
    }
    return pairs;
  }
}

function put(key: string, value: Uint8Array): Operation {
  return { type: "put", key, value };
}

function operations(committee: Hex, write: Write): Operation[] {
  switch (write.kind) {
    case "record": {
      const { record, receipt, seed, proof } = write;
      const id = `${committee}/${leafName(record)}`;
      const entry = put(`${bucket.record}${id}`, json(record));
      if (record.outcome.kind === "failed") return [entry];
      return [entry, put(`${bucket.proof}${id}`, packed(receipt, seed, proof))];
    }
    case "note": {
      const { ts, turn, digest } = write;
      return [put(`${bucket.note}${committee}/${num(ts)}/${num(turn)}`, json({ ts, turn, digest }))];
    }
    case "certificate": {
      const { ts, turn, certificate, groups } = write;
      const value = json({ ts, turn, certificate, groups });
      return [put(`${bucket.certificate}${committee}/${num(ts)}/${num(turn)}`, value)];
    }
    case "own":
      return [put(`${bucket.own}${committee}/${num(write.own.ts)}/${num(write.own.turn)}`, json(write.own))];
    case "salt": {
      const { ts, round, salt } = write;
      return [put(`${bucket.salt}${committee}/${num(ts)}/${round}`, json({ ts, round, salt }))];
    }
    case "before": {
      const { ts, bytes } = write;
      return [put(`${bucket.before}${committee}/${num(ts)}`, json({ ts, bytes }))];
    }
    case "consent":
      return [put(`${bucket.consent}${committee}/${num(write.version)}`, json(write.version))];
    case "head":
      return [put(`${bucket.meta}head/${committee}`, json(write.head))];
  }
}

/** Two lengths, then receipt, seed and proof. */
function packed(receipt: Uint8Array, seed: Uint8Array, proof: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + receipt.length + seed.length + proof.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, receipt.length);
  view.setUint32(4, seed.length);
  bytes.set(receipt, 8);
  bytes.set(seed, 8 + receipt.length);
  bytes.set(proof, 8 + receipt.length + seed.length);
  return bytes;
}
