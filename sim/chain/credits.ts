/** Credits of a settlement to keepers and providers, from the group's model before and after it. */
import type { Settled } from "./chain-model.ts";
import type { GroupModel } from "./group-model.ts";

/** Token units by index: of the version that settled, and of the group's providers. */
export type Credits = { readonly keepers: readonly bigint[]; readonly providers: readonly bigint[] };

export function creditsOf({ committee, certificate, before, after }: Settled): Credits {
  const earned = (group: GroupModel): readonly bigint[] =>
    group.keepers.get(`${committee}/${certificate.version}`)?.earned ?? [];
  const credits = (group: GroupModel): readonly bigint[] => group.providers.map(({ credit }) => credit);
  return {
    keepers: growth(earned(before), earned(after)),
    providers: growth(credits(before), credits(after)),
  };
}

function growth(before: readonly bigint[], after: readonly bigint[]): bigint[] {
  return after.map((now, index) => now - (before[index] ?? 0n));
}
