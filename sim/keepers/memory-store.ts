/** The disk of a simulated keeper: acknowledged writes survive a crash, others may be lost. */
import type { OwnValues, Write } from "../../keeper/core/effects.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";
import { turnKey } from "../../keeper/core/state.ts";
import type { EvidencePair, Restored, StoredProof, StorePort } from "../../keeper/ports/store.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { World } from "../world.ts";

export type Note = {
  readonly ts: number;
  readonly turn: number;
  readonly digest: Hex;
  /** When it was on the disk. */
  readonly at_ms: number;
};

/** A record, when it was written, when a restored backup removed it, and when a later backup brought it back. */
export type Recorded = {
  readonly record: ChallengeRecord;
  readonly at_ms: number;
  gone_ms: number | undefined;
  back_ms: number | undefined;
};

/** Whether a record was on the disk at `at_ms`. A commit that leaves in the instant of a restore was made before it. */
export function wasThere({ at_ms: since_ms, gone_ms, back_ms }: Recorded, at_ms: number): boolean {
  if (at_ms < since_ms) return false;
  return gone_ms === undefined || at_ms <= gone_ms || (back_ms !== undefined && at_ms >= back_ms);
}

export class MemoryStore implements StorePort {
  readonly #world: World;
  readonly #latency_ms: number;
  readonly #rows = new Map<string, Write>();
  readonly #lists = new Map<Hex, Uint8Array>();
  #disk = 0;
  readonly #evidence: EvidencePair[] = [];
  /** For the checkers: values that the keeper committed to, by turn; a copied disk begins with those of the original. */
  readonly integrated: (OwnValues & { readonly te: number; readonly at_ms: number })[];
  /** Every record on this disk, also of pruned slots, in the order in which they were acknowledged, for the checkers. */
  readonly recorded: Recorded[];
  /** Highest head on this disk. */
  #head = -1;
  /** For the checkers: unsettled records whose write was acknowledged; a restored backup does not change them. */
  readonly acknowledged = new Map<string, ChallengeRecord>();
  /** End of a turn, from its start and number. */
  endOf: (ts: number, turn: number) => number = () => -1;
  /** For the checkers: all digests ever noted on this disk, with pruned ones; a copied disk begins with those of the original. */
  readonly noted: Note[];

  constructor(world: World, latency_ms: number, of?: MemoryStore) {
    this.integrated = [...(of?.integrated ?? [])];
    this.recorded = (of?.recorded ?? []).map((one) => ({ ...one }));
    this.noted = [...(of?.noted ?? [])];
    this.#world = world;
    this.#latency_ms = latency_ms;
  }

  get head(): number {
    return this.#head;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Fault of the next write: the disk is full, or the power fails during the write. */
  trouble: "full" | "torn" | undefined;
  /** Called when the power fails. */
  onTorn: () => void = () => undefined;

  /** A copy of everything on the disk, as a backup has it. */
  backup(): ReadonlyMap<string, Write> {
    return new Map(this.#rows);
  }

  /** Another disk with the same on it. */
  twin(): MemoryStore {
    const copy = new MemoryStore(this.#world, this.#latency_ms, this);
    copy.restore(this.backup());
    copy.endOf = this.endOf;
    return copy;
  }

  restore(backup: ReadonlyMap<string, Write>): void {
    this.#disk++;
    this.#rows.clear();
    for (const [key, row] of backup) this.#rows.set(key, row);
    const there = [...backup.values()].flatMap((row) => (row.kind === "record" ? [row.record] : []));
    const kept = new Set(there);
    // Carried bytes include the slots that were pruned before the backup.
    const first = Math.min(...there.map(({ slot }) => slot));
    for (const one of this.recorded) {
      const pruned = there.length > 0 && one.record.slot < first;
      if (kept.has(one.record) && one.gone_ms !== undefined) one.back_ms ??= this.#world.now_ms;
      if (!kept.has(one.record) && !pruned) {
        if (one.back_ms !== undefined) one.back_ms = undefined;
        else one.gone_ms ??= this.#world.now_ms;
      }
    }
    const head = backup.get("head");
    this.#head = head?.kind === "head" ? head.head : -1;
  }

  async write(_group: Hex, writes: readonly Write[]): Promise<void> {
    const disk = this.#disk;
    await this.#world.sleep(this.#latency_ms);
    // A restored backup has replaced this disk.
    if (disk !== this.#disk) return new Promise<never>(() => undefined);
    if (this.trouble === "full") throw new Error("no space left on device");
    if (this.trouble === "torn") {
      // A batch is written whole or not at all; here it is not, and no caller gets an acknowledgement.
      this.trouble = undefined;
      this.onTorn();
      return new Promise<never>(() => undefined);
    }
    for (const write of writes) {
      const key = keyOf(write);
      this.#rows.set(key, write);
      if (write.kind === "note") this.noted.push({ ...write, at_ms: this.#world.now_ms });
      if (write.kind === "record") {
        this.acknowledged.set(key, write.record);
        this.recorded.push({
          record: write.record,
          at_ms: this.#world.now_ms,
          gone_ms: undefined,
          back_ms: undefined,
        });
      }
      if (write.kind === "own") {
        const { own } = write;
        this.integrated.push({
          ...own,
          te: this.endOf(own.ts, own.turn),
          at_ms: this.#world.now_ms,
        });
      }
      if (write.kind === "head") this.#head = write.head;
    }
  }

  async load(): Promise<Restored> {
    const rows = [...this.#rows.values()];
    const of = <K extends Write["kind"]>(kind: K): Extract<Write, { kind: K }>[] =>
      rows.filter((row): row is Extract<Write, { kind: K }> => row.kind === kind);
    return {
      kind: "restored",
      head: of("head")[0]?.head ?? -1,
      records: of("record").map((row) => row.record),
      notes: of("note"),
      own: of("own").map((row) => row.own),
      salts: of("salt"),
      before: of("before"),
    };
  }

  async proofOf(_group: Hex, provider: number, slot: number): Promise<StoredProof | undefined> {
    const row = this.#rows.get(`record/${slot}/${provider}`);
    return row?.kind === "record" && row.record.outcome.kind === "proven" ? row : undefined;
  }

  async prune(_group: Hex, ts: number, firstSlot: number): Promise<void> {
    for (const [key, row] of this.#rows) {
      if (row.kind === "head") continue;
      const old =
        row.kind === "record" ? row.record.slot < firstSlot : (row.kind === "own" ? row.own.ts : row.ts) < ts;
      if (old) this.#rows.delete(key);
    }
    for (const [key, record] of this.acknowledged) if (record.slot < firstSlot) this.acknowledged.delete(key);
  }

  async keepList(_group: Hex, listRoot: Hex, entries: Uint8Array): Promise<void> {
    this.#lists.set(listRoot, entries);
  }

  async listOf(_group: Hex, listRoot: Hex): Promise<Uint8Array | undefined> {
    return this.#lists.get(listRoot);
  }

  async pruneLists(_group: Hex, inUse: ReadonlySet<Hex>): Promise<void> {
    for (const root of this.#lists.keys()) if (!inUse.has(root)) this.#lists.delete(root);
  }

  async keepEvidence(pair: EvidencePair): Promise<void> {
    if (this.#evidence.length < 256) this.#evidence.push(pair);
  }

  async evidence(): Promise<readonly EvidencePair[]> {
    return this.#evidence;
  }
}

/** The store of one process: calls after its end never return. */
export function mortal(store: StorePort, signal: AbortSignal, countRead: () => void): StorePort {
  const never = new Promise<never>(() => undefined);
  let dead = signal.aborted;
  signal.addEventListener("abort", () => (dead = true), { once: true });
  const read = <T>(of: () => Promise<T>): Promise<T> => {
    countRead();
    return dead ? never : of();
  };
  return {
    load: (group) => read(() => store.load(group)),
    write: (group, writes) => (dead ? never : store.write(group, writes)),
    proofOf: (group, provider, slot) => read(() => store.proofOf(group, provider, slot)),
    prune: (group, ts, firstSlot) => (dead ? never : store.prune(group, ts, firstSlot)),
    keepList: (group, root, entries) => (dead ? never : store.keepList(group, root, entries)),
    listOf: (group, root) => read(() => store.listOf(group, root)),
    pruneLists: (group, inUse) => (dead ? never : store.pruneLists(group, inUse)),
    keepEvidence: (pair) => (dead ? never : store.keepEvidence(pair)),
    evidence: () => read(() => store.evidence()),
  };
}

function keyOf(write: Write): string {
  switch (write.kind) {
    case "record":
      return `record/${write.record.slot}/${write.record.provider}`;
    case "note":
      return `note/${turnKey(write.ts, write.turn)}`;
    case "own":
      return `own/${turnKey(write.own.ts, write.own.turn)}`;
    case "salt":
      return `salt/${write.round}`;
    case "before":
      return `before/${write.ts}`;
    case "head":
      return "head";
  }
}
