/** The committees that this keeper follows, and the groups that they serve now. */
import type { CommitteeSnapshot, GroupEntry } from "../../protocol/committee.ts";
import type { Certifying } from "../../protocol/funds.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { KeeperState } from "../core/state.ts";
import type { Keeper } from "../runtime/keeper.ts";

/** A committee that this keeper follows, with the state of its machine (R39). */
export type Followed = { readonly committee: CommitteeSnapshot; readonly state: KeeperState };

export type Served = Followed & { readonly group: GroupEntry };

export type KeeperView = Pick<Keeper, "committees" | "stateOf">;

/** Ascending by address; without committees that have not been read yet. */
export function followedBy(keeper: KeeperView): Followed[] {
  return [...keeper.committees].sort().flatMap((address) => {
    const state = keeper.stateOf(address);
    const committee = state?.committee;
    return state === undefined || committee === undefined ? [] : [{ committee, state }];
  });
}

/** Ascending by committee, then by number. A group that moves is served in both committees. */
export function servedBy(keeper: KeeperView): Served[] {
  return followedBy(keeper).flatMap((followed) =>
    followed.committee.groups.map((group) => ({ ...followed, group })),
  );
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
  return followedBy(keeper).map(({ committee: { groups, version } }) => {
    const providers = groups.reduce((sum, group) => sum + group.providers.length, 0);
    return { members: version.members.length, groups: groups.length, providers };
  });
}
