/** Faults of one provider. */
import type { Spoiled } from "../providers/providers.ts";
import type { Scene, Strikes } from "./strike.ts";

type Spoiling = { readonly kind: Spoiled; readonly provider: number; readonly forBlocks: number };

function spoil({ kind, provider, forBlocks }: Spoiling, { inForce, endAfter }: Scene): void {
  inForce.spoiled.set(provider, kind);
  endAfter(forBlocks, () => inForce.spoiled.delete(provider));
}

type Kind = "lose-data" | "offline" | Spoiled | "selective" | "withhold-list" | "return";

export const providerStrikes: Strikes<Kind> = {
  "lose-data": ({ provider, fraction }, { inForce }) => inForce.loseData(provider, fraction),
  offline: ({ provider, forBlocks }, { inForce, endAfter }) => {
    inForce.offline.add(provider);
    endAfter(forBlocks, () => inForce.offline.delete(provider));
  },
  slow: spoil,
  hang: spoil,
  corrupt: spoil,
  replay: spoil,
  selective: ({ provider, keepers, forBlocks }, { inForce, endAfter }) => {
    inForce.selective.set(provider, keepers);
    endAfter(forBlocks, () => inForce.selective.delete(provider));
  },
  "withhold-list": ({ provider, forBlocks }, { inForce, entry, endAfter }) => {
    const [keeper = -1] = entry.keepers;
    const withheld = inForce.withheld.get(provider) ?? new Set();
    inForce.withheld.set(provider, withheld.add(keeper));
    endAfter(forBlocks, () => withheld.delete(keeper));
  },
  return: ({ provider }, { inForce }) => inForce.repair(provider),
};
