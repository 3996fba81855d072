/** The disk of a simulated keeper: acknowledged writes survive a crash, others may be lost. */
import type { OwnValues, Write } from "../../keeper/core/effects.ts";
import { providerKey } from "../../protocol/records.ts";
import type { ChallengeRecord, LeafKey } from "../../protocol/records.ts";
import { turnKey } from "../../keeper/core/state.ts";
import type { EvidencePair, Restored, StoredProof, StorePort } from "../../keeper/ports/store.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { World } from "../world.ts";

export type Note = {
  /** Address of the committee, here and below. */
  readonly committee: Hex;
  readonly ts: number;
  readonly turn: number;
  readonly digest: Hex;
  /** When it was on the disk. */
  readonly at_ms: number;
};

/** A record, when it was written, when a restored backup removed it, and when a later backup brought it back. */
export type Recorded = {
  readonly committee: Hex;
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

type RecordRow = Extract<Write, { kind: "record" }>;

/** The rows of one committee. Most of them are records, which are pruned by slots. */
class Rows {
  /** By slot, then by provider key. */
  readonly #records = new Map<number, Map<string, RecordRow>>();
  readonly #others = new Map<string, Exclude<Write, RecordRow>>();

  constructor(of?: Rows) {
    if (of === undefined) return;
    for (const [key, row] of of.#others) this.#others.set(key, row);
    for (const [slot, rows] of of.#records) this.#records.set(slot, new Map(rows));
  }

  get size(): number {
    return this.#others.size + [...this.#records.values()].reduce((sum, { size }) => sum + size, 0);
  }

  set(row: Write): void {
    if (row.kind !== "record") {
      this.#others.set(keyOf(row), row);
      return;
    }
    const { slot } = row.record;
    const rows = this.#records.get(slot);
    if (rows === undefined) this.#records.set(slot, new Map([[providerKey(row.record), row]]));
    else rows.set(providerKey(row.record), row);
  }

  all(): Write[] {
    return [...this.#others.values(), ...[...this.#records.values()].flatMap((rows) => [...rows.values()])];
  }

  record(key: LeafKey): RecordRow | undefined {
    return this.#records.get(key.slot)?.get(providerKey(key));
  }

  prune(ts: number, firstSlot: number, certificatesFrom: number): void {
    for (const slot of this.#records.keys()) if (slot < firstSlot) this.#records.delete(slot);
    for (const [key, row] of this.#others) {
      if (isOld(row, ts, certificatesFrom)) this.#others.delete(key);
    }
  }
}

/** Everything on a disk, by committee. */
export type Backup = ReadonlyMap<Hex, Rows>;

export class MemoryStore implements StorePort {
  readonly #world: World;
  readonly #latency_ms: number;
  readonly #rows = new Map<Hex, Rows>();
  readonly #lists = new Map<string, Uint8Array>();
  #disk = 0;
  readonly #evidence: EvidencePair[] = [];
  /** For the checkers: values that the keeper committed to, by turn; a copied disk begins with those of the original. */
  readonly integrated: (OwnValues & {
    readonly committee: Hex;
    readonly te: number;
    readonly at_ms: number;
  })[];
  /** Every record on this disk, also of pruned slots, in the order in which they were acknowledged, for the checkers. */
  readonly recorded: Recorded[];
  /** Highest head on this disk. */
  #head = -1;
  /**
   * For the checkers: slots of unsettled records whose write was acknowledged, by committee and provider key, once for each write; a
   * restored backup does not change them.
   */
  readonly acknowledged = new Map<Hex, Map<string, number[]>>();
  /** End of a turn, from its start and number; all committees of a world have one rhythm. */
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
    return [...this.#rows.values()].reduce((sum, rows) => sum + rows.size, 0);
  }

  #rowsOf(committee: Hex): Rows {
    let rows = this.#rows.get(committee);
    if (rows === undefined) this.#rows.set(committee, (rows = new Rows()));
    return rows;
  }

  /** Fault of the next write: the disk is full, or the power fails during the write. */
  trouble: "full" | "torn" | undefined;
  /** Called when the power fails. */
  onTorn: () => void = () => undefined;

  /** A copy of everything on the disk, as a backup has it. */
  backup(): Backup {
    return new Map([...this.#rows].map(([committee, rows]) => [committee, new Rows(rows)]));
  }

  /** Another disk with the same on it. */
  twin(): MemoryStore {
    const copy = new MemoryStore(this.#world, this.#latency_ms, this);
    copy.restore(this.backup());
    copy.endOf = this.endOf;
    return copy;
  }

  restore(backup: Backup): void {
    this.#disk++;
    this.#rows.clear();
    for (const [committee, rows] of backup) this.#rows.set(committee, new Rows(rows));
    const all = [...backup.values()].flatMap((rows) => rows.all());
    const there = all.flatMap((row) => (row.kind === "record" ? [row.record] : []));
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
    const heads = all.flatMap((row) => (row.kind === "head" ? [row.head] : []));
    this.#head = Math.max(-1, ...heads);
  }

  write(committee: Hex, writes: readonly Write[]): Promise<void> {
    const disk = this.#disk;
    return new Promise((resolve, reject) => {
      this.#world.after(this.#latency_ms, () => {
        // A restored backup has replaced this disk.
        if (disk === this.#disk) this.#commit(committee, writes, resolve, reject);
      });
    });
  }

  #commit(
    committee: Hex,
    writes: readonly Write[],
    resolve: () => void,
    reject: (error: Error) => void,
  ): void {
    if (this.trouble === "full") return reject(new Error("no space left on device"));
    if (this.trouble === "torn") {
      // A batch is written whole or not at all; here it is not, and no caller gets an acknowledgement.
      this.trouble = undefined;
      return this.onTorn();
    }
    const rows = this.#rowsOf(committee);
    for (const write of writes) {
      rows.set(write);
      this.#witness(committee, write);
    }
    resolve();
  }

  /** For the checkers. */
  #witness(committee: Hex, write: Write): void {
    const at_ms = this.#world.now_ms;
    switch (write.kind) {
      case "record":
        this.#acknowledge(committee, write.record);
        this.recorded.push({
          committee,
          record: write.record,
          at_ms,
          gone_ms: undefined,
          back_ms: undefined,
        });
        return;
      case "head":
        this.#head = Math.max(this.#head, write.head);
        return;
      case "note":
        this.noted.push({ ...write, committee, at_ms });
        return;
      case "own":
        this.integrated.push({
          ...write.own,
          committee,
          te: this.endOf(write.own.ts, write.own.turn),
          at_ms,
        });
        return;
      case "certificate":
      case "salt":
      case "before":
      case "consent":
        return;
    }
  }

  #acknowledge(committee: Hex, record: ChallengeRecord): void {
    let providers = this.acknowledged.get(committee);
    if (providers === undefined) this.acknowledged.set(committee, (providers = new Map<string, number[]>()));
    const key = providerKey(record);
    const slots = providers.get(key);
    if (slots === undefined) providers.set(key, [record.slot]);
    else slots.push(record.slot);
  }

  async load(committee: Hex): Promise<Restored> {
    const rows = this.#rowsOf(committee).all();
    const of = <K extends Write["kind"]>(kind: K): Extract<Write, { kind: K }>[] =>
      rows.filter((row): row is Extract<Write, { kind: K }> => row.kind === kind);
    return {
      kind: "restored",
      head: of("head")[0]?.head ?? -1,
      records: of("record").map((row) => row.record),
      notes: of("note"),
      own: of("own").map((row) => row.own),
      certificates: of("certificate"),
      salts: of("salt"),
      before: of("before"),
      consents: of("consent").map(({ version }) => version),
    };
  }

  async proofOf(committee: Hex, key: LeafKey): Promise<StoredProof | undefined> {
    const row = this.#rows.get(committee)?.record(key);
    return row?.record.outcome.kind === "proven" ? row : undefined;
  }

  async prune(committee: Hex, ts: number, firstSlot: number, certificatesFrom: number): Promise<void> {
    this.#rowsOf(committee).prune(ts, firstSlot, certificatesFrom);
    const acknowledged = this.acknowledged.get(committee);
    for (const [key, slots] of acknowledged ?? []) {
      const kept = slots.filter((slot) => slot >= firstSlot);
      if (kept.length === 0) acknowledged?.delete(key);
      else acknowledged?.set(key, kept);
    }
  }

  async keepList(committee: Hex, listRoot: Hex, entries: Uint8Array): Promise<void> {
    this.#lists.set(`${committee}/${listRoot}`, entries);
  }

  async listOf(committee: Hex, listRoot: Hex): Promise<Uint8Array | undefined> {
    return this.#lists.get(`${committee}/${listRoot}`);
  }

  async pruneLists(committee: Hex, inUse: ReadonlySet<Hex>): Promise<void> {
    for (const key of this.#lists.keys()) {
      const [of, root] = key.split("/");
      if (of === committee && !inUse.has(root as Hex)) this.#lists.delete(key);
    }
  }

  async keepEvidence(pair: EvidencePair): Promise<void> {
    if (this.#evidence.length < 256) this.#evidence.push(pair);
  }

  async evidence(): Promise<readonly EvidencePair[]> {
    return this.#evidence;
  }
}

function isOld(row: Exclude<Write, RecordRow>, ts: number, certificatesFrom: number): boolean {
  switch (row.kind) {
    case "own":
      return row.own.ts < ts;
    case "certificate":
      return row.ts < certificatesFrom;
    case "consent":
    case "head":
      return false;
    case "note":
    case "salt":
    case "before":
      return row.ts < ts;
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
    load: (committee) => read(() => store.load(committee)),
    write: (committee, writes) => (dead ? never : store.write(committee, writes)),
    proofOf: (committee, key) => read(() => store.proofOf(committee, key)),
    prune: (committee, ts, firstSlot, from) => (dead ? never : store.prune(committee, ts, firstSlot, from)),
    keepList: (committee, root, entries) => (dead ? never : store.keepList(committee, root, entries)),
    listOf: (committee, root) => read(() => store.listOf(committee, root)),
    pruneLists: (committee, inUse) => (dead ? never : store.pruneLists(committee, inUse)),
    keepEvidence: (pair) => (dead ? never : store.keepEvidence(pair)),
    evidence: () => read(() => store.evidence()),
  };
}

function keyOf(write: Exclude<Write, RecordRow>): string {
  switch (write.kind) {
    case "note":
      return `note/${turnKey(write.ts, write.turn)}`;
    case "certificate":
      return `certificate/${turnKey(write.ts, write.turn)}`;
    case "own":
      return `own/${turnKey(write.own.ts, write.own.turn)}`;
    case "salt":
      return `salt/${write.round}`;
    case "before":
      return `before/${write.ts}`;
    case "consent":
      return `consent/${write.version}`;
    case "head":
      return "head";
  }
}
