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
function committedIn({ cluster }: Run, asked: LeavesAsked, one: InScope, slotStart: number): bigint {
  const { chain } = cluster;
  const { memberships } = chain.committeeAt(asked.committee);
  const entered = memberships.find(({ number }) => number === one.group)?.entered ?? Infinity;
  const model = chain.groupAt(one.world, asked.te);
  const provider = model.providers[one.provider];
  return provider === undefined || slotStart < entered ? 0n : model.bytesAt(provider, slotStart);
}

export type LeavesAsked = {
  /** Index of the committee in the world. */
  readonly committee: number;
  /** Number of the group in it. */
  readonly group: number;
  readonly provider: number;
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

export type SlotLeaf = {
  readonly slot: number;
  readonly leaf: RecordLeaf;
  readonly counted: bigint;
  /** Blocks that count. */
  readonly blocks: number;
};

/** One leaf for each slot of [ts, te) with committed bytes (R18), and the bytes that R14 counts for it. */
export function leavesOf(run: Run, store: MemoryStore, asked: LeavesAsked): SlotLeaf[] {
  const { originBlock, slot: blocks } = run.cluster.chain.paramsOf(asked.committee);
  const { committee, group, provider, ts, te, at_ms, before } = asked;
  const inScope = scopeThen(run, committee, ts, te).find(
    (one) => one.group === group && one.provider === provider,
  );
  if (inScope === undefined) return [];
  const slots = new Map(inScope.slots.map((one) => [one.slot, one]));
  const records = recordsOf(store, addressOfCommittee(committee), group, provider);
  const leafIn = (slot: number): DiskLeaf | undefined => {
    const record = recordThen(records.get(slot), at_ms);
    const canonical = record !== undefined && hashThen(run.cluster, originBlock + slot * blocks, at_ms);
    return record !== undefined && record.blockHash === canonical ? leafOf(record) : undefined;
  };
  // The bytes carried into ts depend on no slot before the last one with a record.
  let first = Math.floor((ts - originBlock) / blocks);
  while (first > 0 && leafIn(first) === undefined) first--;
  const leaves: SlotLeaf[] = [];
  let carried = 0n;
  for (let slot = first, start = originBlock + first * blocks; start < te; slot++, start += blocks) {
    const leaf = leafIn(slot);
    const within = slots.get(slot);
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

type Index = {
  length: number;
  readonly byCommittee: Map<Hex, Map<number, Map<number, Recorded[]>>>;
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

/** All records of a provider that were written to a disk, by slot, in order. */
export function recordsOf(
  store: MemoryStore,
  committee: Hex,
  group: number,
  provider: number,
): ReadonlyMap<number, readonly Recorded[]> {
  let index = indexes.get(store);
  if (index === undefined || index.length > store.recorded.length) {
    index = { length: 0, byCommittee: new Map() };
    indexes.set(store, index);
  }
  for (; index.length < store.recorded.length; index.length++) {
    const one = store.recorded[index.length] as Recorded;
    const { record } = one;
    const providers = entryOf(
      index.byCommittee,
      one.committee,
      () => new Map<number, Map<number, Recorded[]>>(),
    );
    const name = record.group * providersOfGroup + record.provider;
    const slots = entryOf(providers, name, () => new Map<number, Recorded[]>());
    entryOf(slots, record.slot, () => []).push(one);
  }
  const providers = index.byCommittee.get(committee);
  return providers?.get(group * providersOfGroup + provider) ?? new Map<number, Recorded[]>();
}

/** The last record of a slot that was on the disk then. */
function recordThen(recorded: readonly Recorded[] | undefined, at_ms: number): ChallengeRecord | undefined {
  return recorded?.findLast((one) => wasThere(one, at_ms))?.record;
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
    const issued = run.cluster.issued.get(leaf.receiptHash);
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
