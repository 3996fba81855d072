/** S6: a keeper still has every record that its disk acknowledged after a crash or restart, until the slot is certified. */
import { slotAt } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChainModel } from "../chain/chain-model.ts";
import { indexOfAddress } from "../chain/snapshots.ts";
import { groupName } from "../group-names.ts";
import type { Keeper } from "../../keeper/runtime/keeper.ts";
import type { MemoryStore } from "../keepers/memory-store.ts";
import type { Checker } from "./checker.ts";

export const records: Checker = {
  name: "S6",
  watch({ cluster, fired }) {
    const { chain } = cluster;
    // A restored backup lacks later records.
    const restored = new Set(
      fired.flatMap(({ fault, keepers }) => (fault.kind === "old-data" ? keepers : [])),
    );
    return cluster.seats.flatMap(({ keeper, store }, i) => {
      if (keeper === undefined || restored.has(i)) return [];
      const lost = lostBy(keeper, store, chain);
      if (lost.length === 0) return [];
      const text = `keeper ${i} lost ${lost.length} records, the first of ${lost[0]}`;
      return [{ checker: "S6", block: chain.head, text }];
    });
  },
};

/** Names of the records that the disk acknowledged and the keeper does not have. */
function lostBy(keeper: Keeper, store: MemoryStore, chain: ChainModel): string[] {
  const lost: string[] = [];
  for (const [committee, providers] of store.acknowledged) {
    const state = keeper.stateOf(committee);
    const shown = state?.committee;
    if (state === undefined || shown === undefined) continue;
    const first = slotAt(shown.params, shown.ts);
    for (const [provider, slots] of providers) {
      const there = state.records.get(provider);
      for (const slot of slots) {
        if (slot < first || there?.has(slot) === true) continue;
        const text = textOf(chain, committee, provider, slot);
        if (!lost.includes(text)) lost.push(text);
      }
    }
  }
  return lost;
}

function textOf(chain: ChainModel, committee: Hex, providerKey: string, slot: number): string {
  const [group, provider] = providerKey.split("/");
  return `${groupName(chain, indexOfAddress(committee), Number(group))}, provider ${provider} in slot ${slot}`;
}
