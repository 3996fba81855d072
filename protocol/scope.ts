/** The scope of a turn: every (group, provider) with a committed slot in [ts, te), as the chain stood after block te (R17, R38). */
import { membershipWithin, slotAt, slotStart } from "./committee.ts";
import type { CommitteeParams, GroupEntry, ProviderEntry, ScopeSource } from "./committee.ts";
import { keccakWords, zeroHash } from "./hash.ts";
import type { Hex } from "./hash.ts";
import { RecordScope } from "./records.ts";
import type { CommittedChange } from "./spacetime.ts";

/** One provider of one group, with the blocks [from, to) of its group's membership within the interval. */
export type ScopeEntry = {
  /** Number of the group. */
  readonly group: number;
  readonly provider: number;
  readonly membership: GroupEntry;
  readonly data: ProviderEntry;
  readonly from: number;
  readonly to: number;
};

export type Scope = {
  readonly ts: number;
  readonly te: number;
  /** Ascending by (group number, provider). */
  readonly entries: readonly ScopeEntry[];
  /** The groups of the entries, ascending by number: the certificate's groups. */
  readonly groups: readonly GroupEntry[];
  /** The slots of each entry, in the same order (R18). */
  readonly records: RecordScope;
  /** Names the scope in an announcement; zero for an empty scope. */
  readonly root: Hex;
};

/**
 * Committed bytes by slot: those of the slot's first block in scope (R14). A commitment that ends inside a slot counts for the whole
 * slot here; the contract pays only for its committed blocks (R16).
 */
export function committedChanges(
  params: CommitteeParams,
  { entered }: Pick<GroupEntry, "entered">,
  provider: Pick<ProviderEntry, "history">,
): CommittedChange[] {
  const first = slotAt(params, entered);
  return provider.history.map(({ fromBlock, bytes }) => {
    const slot = slotAt(params, fromBlock + params.slot - 1);
    return { fromSlot: fromBlock <= entered ? first : Math.max(slot, first), bytes };
  });
}

/** Slots of [first, last) with committed bytes. A commitment ends once and does not resume: a provider's index is not reused (R27). */
function committedSlots(
  changes: readonly CommittedChange[],
  first: number,
  last: number,
): { readonly fromSlot: number; readonly toSlot: number } {
  // Of two changes for one slot the later one counts.
  const inForce = changes.filter(({ fromSlot }, i) => changes[i + 1]?.fromSlot !== fromSlot);
  const begin = inForce.find(({ bytes }) => bytes > 0n)?.fromSlot ?? last;
  const end = inForce.find(({ fromSlot, bytes }) => bytes === 0n && fromSlot >= begin)?.fromSlot ?? last;
  const fromSlot = Math.min(Math.max(begin, first), last);
  return { fromSlot, toSlot: Math.max(fromSlot, Math.min(end, last)) };
}

/** Blocks of the slots [fromSlot, toSlot) that lie in [from, to): a slot cut by a membership counts its blocks inside only (R14). */
export function blocksInside(
  params: CommitteeParams,
  { from, to }: { readonly from: number; readonly to: number },
): (fromSlot: number, toSlot: number) => number {
  return (fromSlot, toSlot) => {
    const begin = Math.max(from, slotStart(params, fromSlot));
    return Math.max(0, Math.min(to, slotStart(params, toSlot)) - begin);
  };
}

/** R38. Groups all of whose blocks in the interval were settled or credited as of te are out of scope. */
export function scopeOf(params: CommitteeParams, ts: number, { te, groups }: ScopeSource): Scope {
  const entries: ScopeEntry[] = [];
  const ranges: { group: number; provider: number; fromSlot: number; toSlot: number }[] = [];
  const inScope: GroupEntry[] = [];
  for (const membership of [...groups].sort((a, b) => a.number - b.number)) {
    const { from, to } = membershipWithin(membership, ts, te);
    if (from >= to || membership.settledThrough >= to) continue;
    const before = entries.length;
    const [first, last] = [slotAt(params, from), slotAt(params, to + params.slot - 1)];
    for (const data of [...membership.providers].sort((a, b) => a.index - b.index)) {
      const slots = committedSlots(committedChanges(params, membership, data), first, last);
      if (slots.fromSlot >= slots.toSlot) continue;
      const { number: group } = membership;
      entries.push({ group, provider: data.index, membership, data, from, to });
      ranges.push({ group, provider: data.index, ...slots });
    }
    if (entries.length > before) inScope.push(membership);
  }
  return { ts, te, entries, groups: inScope, records: new RecordScope(ranges), root: scopeRoot(ranges) };
}

/** keccak256(abi.encode(group, provider, …)) over the scope in its order; zero if it is empty. */
function scopeRoot(names: readonly { readonly group: number; readonly provider: number }[]): Hex {
  if (names.length === 0) return zeroHash;
  return keccakWords(...names.flatMap(({ group, provider }) => [group, provider]));
}
