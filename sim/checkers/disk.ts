/** R13, R14, R18: the leaves of a keeper's records, computed from the records on its disk, without the keeper's code. */
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord, RecordLeaf } from "../../protocol/records.ts";
import { wasThere } from "../keepers/memory-store.ts";
import type { MemoryStore, Recorded } from "../keepers/memory-store.ts";
import { addressOfCommittee, addressOfGroup } from "../chain/snapshots.ts";
import type { Run } from "./checker.ts";
import { scopeThen } from "./scope.ts";
import type { InScope } from "./scope.ts";
import { hashThen } from "./words.ts";

/** Bytes committed for a slot before the interval: those of its first block, none before the membership began (R14). */
function committedIn({ cluster }: Run, asked: IntervalAsked, one: InScope, slotStart: number): bigint {
  const { chain } = cluster;
  const { memberships } = chain.committeeAt(asked.committee);
  const entered = memberships.find(({ number }) => number === one.group)?.entered ?? Infinity;
  const model = chain.groupAt(one.world, asked.te);
  const provider = model.providers[one.provider];
  return provider === undefined || slotStart < entered ? 0n : model.bytesAt(provider, slotStart);
}

export type IntervalAsked = {
  /** Index of the committee in the world. */
  readonly committee: number;
  readonly ts: number;
  readonly te: number;
  /** The time at which records on the disk and canonical blocks are read. */
  readonly at_ms: number;
  /**
   * The cap of the bytes that are carried into `ts`: "capped" applies the bytes committed in each earlier slot, "uncapped" only those
   * committed from `ts` on, since a keeper that was down may not learn earlier commitments from the chain.
   */
  readonly before: "capped" | "uncapped";
};

/** Number of the group in the committee, and its provider. */
export type LeavesAsked = IntervalAsked & { readonly group: number; readonly provider: number };

export type SlotLeaf = {
  readonly slot: number;
  readonly leaf: RecordLeaf;
  readonly counted: bigint;
  /** Blocks that count. */
  readonly blocks: number;
};

/** One leaf for each slot of [ts, te) with committed bytes (R18), and the bytes that R14 counts for it; none if it is not in scope. */
export function leavesOf(run: Run, store: MemoryStore, asked: LeavesAsked): SlotLeaf[] {
  const { committee, group, provider, ts, te } = asked;
  const inScope = scopeThen(run, committee, ts, te).filter(
    (one) => one.group === group && one.provider === provider,
  );
  return leavesOfScope(run, store, asked, inScope).flat();
}

/** The same for several providers, in their order. */
export function leavesOfScope(
  run: Run,
  store: MemoryStore,
  asked: IntervalAsked,
  scope: readonly InScope[],
): SlotLeaf[][] {
  const { originBlock, slot: blocks } = run.cluster.chain.paramsOf(asked.committee);
  const hashes = new Map<number, Hex | undefined>();
  const hashOf = (slot: number): Hex | undefined => {
    let hash = hashes.get(slot);
    if (hash === undefined) {
      hash = hashThen(run.cluster, originBlock + slot * blocks, asked.at_ms);
      hashes.set(slot, hash);
    }
    return hash;
  };
  return scope.map((one) => leavesWith(run, store, asked, one, hashOf));
}

/** @param hashOf the hash of a slot's first block */
function leavesWith(
  run: Run,
  store: MemoryStore,
  asked: IntervalAsked,
  inScope: InScope,
  hashOf: (slot: number) => Hex | undefined,
): SlotLeaf[] {
  const { committee, ts, te, at_ms, before } = asked;
  const { group, provider, slots } = inScope;
  const { originBlock, slot: blocks } = run.cluster.chain.paramsOf(committee);
  const records = recordsOf(store, addressOfCommittee(committee), group, provider);
  const earlier = earlierRecords(store);
  const leafIn = (slot: number): DiskLeaf | undefined => {
    const record = recordThen(records.get(slot), earlier, at_ms);
    return record !== undefined && record.blockHash === hashOf(slot) ? leafOf(record) : undefined;
  };
  // The bytes carried into ts depend on no slot before the last one with a record.
  let first = Math.floor((ts - originBlock) / blocks);
  while (first > 0 && leafIn(first) === undefined) first--;
  const leaves: SlotLeaf[] = [];
  let carried = 0n;
  let next = 0;
  for (let slot = first, start = originBlock + first * blocks; start < te; slot++, start += blocks) {
    const leaf = leafIn(slot);
    // The slots of the scope ascend.
    while ((slots[next]?.slot ?? slot) < slot) next++;
    const within = slots[next]?.slot === slot ? slots[next] : undefined;
    const committed = start < ts ? committedIn(run, asked, inScope, start) : (within?.bytes ?? 0n);
    const bytes = leaf === undefined ? carried : leaf.kind === "proven" ? leaf.bytes : 0n;
    const cap = start < ts && before === "uncapped" ? bytes : committed;
    carried = bytes < cap ? bytes : cap;
    if (within === undefined) continue;
    const { blocks: counting } = within;
    leaves.push({
      slot,
      leaf: leaf ?? { kind: "carried", bytes: carried },
      counted: carried,
      blocks: counting,
    });
  }
  return leaves;
}

type Slots = Map<number, Recorded>;

type Index = {
  length: number;
  /** The last record of each slot. */
  readonly byCommittee: Map<Hex, Map<number, Slots>>;
  /** Of slots that have several records: the one written before each. */
  readonly earlier: Map<Recorded, Recorded>;
};
const indexes = new WeakMap<MemoryStore, Index>();

/** One number for a provider of a group: a group has far fewer providers. */
const providersOfGroup = 2 ** 16;

/** The value of a key, or a new one that the map holds from now on. */
function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const newProviders = (): Map<number, Slots> => new Map();
const newSlots = (): Slots => new Map();

function indexOf(store: MemoryStore): Index {
  let index = indexes.get(store);
  if (index === undefined || index.length > store.recorded.length) {
    index = { length: 0, byCommittee: new Map(), earlier: new Map() };
    indexes.set(store, index);
  }
  for (; index.length < store.recorded.length; index.length++) {
    const one = store.recorded[index.length] as Recorded;
    const { record } = one;
    const providers = entryOf(index.byCommittee, one.committee, newProviders);
    const slots = entryOf(providers, record.group * providersOfGroup + record.provider, newSlots);
    const before = slots.get(record.slot);
    if (before !== undefined) index.earlier.set(one, before);
    slots.set(record.slot, one);
  }
  return index;
}

const noRecords: ReadonlyMap<number, Recorded> = new Map();

/** The last record of each slot of a provider that was written to a disk. */
export function recordsOf(
  store: MemoryStore,
  committee: Hex,
  group: number,
  provider: number,
): ReadonlyMap<number, Recorded> {
  const providers = indexOf(store).byCommittee.get(committee);
  return providers?.get(group * providersOfGroup + provider) ?? noRecords;
}

/** The record of the same provider and slot that was written before each, of those that have one. */
export function earlierRecords(store: MemoryStore): ReadonlyMap<Recorded, Recorded> {
  return indexOf(store).earlier;
}

/** The last record of a slot that was on the disk then. */
function recordThen(
  last: Recorded | undefined,
  earlier: ReadonlyMap<Recorded, Recorded>,
  at_ms: number,
): ChallengeRecord | undefined {
  for (let one = last; one !== undefined; one = earlier.get(one)) {
    if (wasThere(one, at_ms)) return one.record;
  }
  return undefined;
}

type DiskLeaf = Exclude<RecordLeaf, { kind: "carried" }>;

function leafOf({ outcome }: ChallengeRecord): DiskLeaf {
  if (outcome.kind === "failed") return { kind: "failed" };
  return { kind: "proven", bytes: outcome.bytes, receiptHash: outcome.receiptHash };
}

/** R14: a slot that a membership cuts counts its blocks inside only. */
export function spaceTimeOf(leaves: readonly SlotLeaf[]): bigint {
  return leaves.reduce((sum, { counted, blocks }) => sum + counted * BigInt(blocks), 0n);
}

/** R24: the leaves of a pinned keeper; a proven leaf without a valid receipt counts as failed. */
export function withReceipts(
  run: Run,
  keeper: Hex,
  { world, provider }: Pick<InScope, "world" | "provider">,
  leaves: readonly SlotLeaf[],
): { readonly slot: number; readonly leaf: RecordLeaf }[] {
  return leaves.map(({ slot, leaf }) => {
    if (leaf.kind !== "proven") return { slot, leaf };
    const issued = run.cluster.issued.find(leaf.receiptHash, slot);
    const valid =
      issued !== undefined &&
      issued.keeper === keeper &&
      issued.group === addressOfGroup(world) &&
      issued.provider === provider &&
      issued.slot === slot &&
      issued.bytes === leaf.bytes;
    return { slot, leaf: valid ? leaf : { kind: "failed" } };
  });
}
