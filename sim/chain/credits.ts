/** Credits of a settlement to keepers and providers, from the contract's model before and after it. */
import type { Settled } from "./chain-model.ts";
import type { Model } from "./contract-model.ts";

/** Token units by index: of the committee that settled, and of the group's providers. */
export type Credits = { readonly keepers: readonly bigint[]; readonly providers: readonly bigint[] };

export function creditsOf({ settlement, before, after }: Settled): Credits {
  const earned = (group: Model): readonly bigint[] =>
    group.committees.get(settlement.committee)?.accounts.map((account) => account.earned) ?? [];
  const credits = (group: Model): readonly bigint[] => group.providers.map(({ credit }) => credit);
  return {
    keepers: growth(earned(before), earned(after)),
    providers: growth(credits(before), credits(after)),
  };
}

function growth(before: readonly bigint[], after: readonly bigint[]): bigint[] {
  return after.map((now, index) => now - (before[index] ?? 0n));
}
