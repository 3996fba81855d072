/** How a group's settledThrough moves, and over the ends of services (R33, R38). */
import { closeSettled, listed } from "./commitments.ts";
import { never, type Group, type Provider } from "./world.ts";

/** Blocks are settled or credited through `through`, those of the providers `passed`: a service that ends there is over. */
export function settleThrough(
  group: Group,
  through: number,
  block: number,
  passed: readonly Provider[] = listed(group),
): void {
  group.settledThrough = through;
  group.movedAt = block;
  for (const provider of passed) {
    provider.settledChanges = provider.data.filter(({ from }) => from <= through).length;
  }
  closeSettled(group);
  if (group.service === undefined || through < group.left) return;
  group.service = group.next;
  group.next = undefined;
  group.left = group.service === undefined ? never : group.endBlock;
}

/** While no provider is listed, settledThrough counts as the present block. */
export function passIdle(group: Group, block: number): void {
  while (listed(group).length === 0 && group.settledThrough < block) {
    // Each service of the group ends where it would have ended.
    settleThrough(group, Math.min(block, Math.max(group.left, group.settledThrough)), block);
  }
}
