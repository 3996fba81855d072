/** Data of providers in a group snapshot. */
import { dataAt, slotStart } from "../../protocol/group.ts";
import type { DataCheckpoint, GroupSnapshot } from "../../protocol/group.ts";

/** The provider's data that a challenge of the slot covers: those registered when the slot began (R12). */
export function dataOfSlot(group: GroupSnapshot, provider: number, slot: number): DataCheckpoint | undefined {
  const entry = group.providers.find((p) => p.index === provider);
  return entry === undefined ? undefined : dataAt(entry, slotStart(group.params, slot));
}
