/** Data of providers in a committee's snapshot. */
import { dataAt, slotStart } from "../../protocol/committee.ts";
import type { CommitteeSnapshot, GroupEntry, ProviderEntry } from "../../protocol/committee.ts";
import type { SlotData } from "../../protocol/codec/openings.ts";
import type { LeafKey } from "../../protocol/records.ts";

const numberOf = ({ number }: GroupEntry): number => number;
const indexOf = ({ index }: ProviderEntry): number => index;

// Both lists ascend, and a committee may serve thousands of groups.
function findAscending<T>(list: readonly T[], keyOf: (one: T) => number, key: number): T | undefined {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(list[middle] as T) < key) low = middle + 1;
    else high = middle;
  }
  const one = list[low];
  return one !== undefined && keyOf(one) === key ? one : undefined;
}

/** The provider's data that a challenge of the slot covers: those registered when the slot began (R12). */
export function dataOfSlot(
  { params, groups }: Pick<CommitteeSnapshot, "params" | "groups">,
  { group, provider, slot }: LeafKey,
): SlotData | undefined {
  const found = findAscending(groups, numberOf, group);
  const entry = found === undefined ? undefined : findAscending(found.providers, indexOf, provider);
  const data = entry === undefined ? undefined : dataAt(entry, slotStart(params, slot));
  if (found === undefined || entry === undefined || data === undefined) return undefined;
  return { group: found.address, operator: entry.operator, data };
}

/** The same, also for a group that was settled meanwhile: as the turn's scope shows it. */
export function dataOfTurn(committee: CommitteeSnapshot, key: LeafKey): SlotData | undefined {
  const { params, scope } = committee;
  const inScope = scope === undefined ? undefined : dataOfSlot({ params, groups: scope.groups }, key);
  return inScope ?? dataOfSlot(committee, key);
}
