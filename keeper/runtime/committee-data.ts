/** Data of providers in a committee's snapshot. */
import { dataAt, slotStart } from "../../protocol/committee.ts";
import type { CommitteeSnapshot, GroupEntry, ProviderEntry } from "../../protocol/committee.ts";
import type { SlotData } from "../../protocol/codec/openings.ts";
import type { LeafKey, ProviderName } from "../../protocol/records.ts";

/** A provider of a committee, with its group. */
function providerOf(
  { groups }: Pick<CommitteeSnapshot, "groups">,
  { group, provider }: ProviderName,
): { readonly group: GroupEntry; readonly entry: ProviderEntry } | undefined {
  // Both lists ascend, and a committee may serve thousands of groups.
  const found = findAscending(groups, ({ number }) => number, group);
  const entry = findAscending(found?.providers ?? [], ({ index }) => index, provider);
  return found === undefined || entry === undefined ? undefined : { group: found, entry };
}

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
export function dataOfSlot(committee: CommitteeSnapshot, key: LeafKey): SlotData | undefined {
  const found = providerOf(committee, key);
  const data = found === undefined ? undefined : dataAt(found.entry, slotStart(committee.params, key.slot));
  if (found === undefined || data === undefined) return undefined;
  return { group: found.group.address, operator: found.entry.operator, data };
}

/** The same, also for a group that was settled meanwhile: as the turn's scope shows it. */
export function dataOfTurn(committee: CommitteeSnapshot, key: LeafKey): SlotData | undefined {
  const inScope =
    committee.scope === undefined ? undefined : { ...committee, groups: committee.scope.groups };
  return (inScope === undefined ? undefined : dataOfSlot(inScope, key)) ?? dataOfSlot(committee, key);
}
