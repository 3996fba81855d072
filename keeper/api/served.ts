/** The groups that this keeper serves now, each in its committee. */
import type { CommitteeSnapshot, GroupEntry } from "../../protocol/committee.ts";
import type { Certifying } from "../../protocol/funds.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { KeeperState } from "../core/state.ts";
import type { Keeper } from "../runtime/keeper.ts";

export type Served = {
  readonly committee: CommitteeSnapshot;
  readonly group: GroupEntry;
  readonly state: KeeperState;
};

export type KeeperView = Pick<Keeper, "committees" | "stateOf">;

/** Ascending by committee, then by number. A group that moves is served in both committees. */
export function servedBy(keeper: KeeperView): Served[] {
  return [...keeper.committees].sort().flatMap((address) => {
    const state = keeper.stateOf(address);
    const committee = state?.committee;
    if (state === undefined || committee === undefined) return [];
    return committee.groups.map((group) => ({ committee, group, state }));
  });
}

/** The service of a group by address: of two committees the one that serves the later blocks. */
export function serviceOf(keeper: KeeperView, group: string): Served | undefined {
  return servedBy(keeper)
    .filter((one) => one.group.address === group.toLowerCase())
    .sort((a, b) => a.group.entered - b.group.entered)
    .at(-1);
}

/** Addresses, each once. */
export function groupsServed(keeper: KeeperView): Hex[] {
  return [...new Set(servedBy(keeper).map(({ group }) => group.address))];
}

/** Of every committee: its size, and what its next certificate settles. */
export function certifyingOf(keeper: KeeperView): Certifying[] {
  return keeper.committees.flatMap((address) => {
    const committee = keeper.stateOf(address)?.committee;
    if (committee === undefined) return [];
    const { groups, version } = committee;
    const providers = groups.reduce((sum, group) => sum + group.providers.length, 0);
    return [{ members: version.members.length, groups: groups.length, providers }];
  });
}
