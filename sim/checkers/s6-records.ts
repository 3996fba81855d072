/** S6: a keeper still has every record that its disk acknowledged after a crash or restart, until the slot is certified. */
import { slotAt } from "../../protocol/committee.ts";
import { providerKey } from "../../protocol/records.ts";
import { indexOfAddress } from "../chain/snapshots.ts";
import { groupName } from "../group-names.ts";
import type { Checker } from "./checker.ts";

export const records: Checker = {
  name: "S6",
  watch(run) {
    const { cluster, fired } = run;
    const { chain } = cluster;
    // A restored backup lacks later records.
    const restored = new Set(
      fired.flatMap(({ fault, keepers }) => (fault.kind === "old-data" ? keepers : [])),
    );
    return cluster.seats.flatMap(({ keeper, store }, i) => {
      if (keeper === undefined || restored.has(i)) return [];
      const lost: string[] = [];
      for (const { committee, record } of store.acknowledged.values()) {
        const state = keeper.stateOf(committee);
        const shown = state?.committee;
        if (state === undefined || shown === undefined) continue;
        const first = slotAt(shown.params, shown.ts);
        const there =
          record.slot < first || state.records.get(providerKey(record))?.has(record.slot) === true;
        if (!there)
          lost.push(
            `${groupName(run.cluster.chain, indexOfAddress(committee), record.group)}, provider ${record.provider} in slot ${record.slot}`,
          );
      }
      if (lost.length === 0) return [];
      const text = `keeper ${i} lost ${lost.length} records, the first of ${lost[0]}`;
      return [{ checker: "S6", block: chain.head, text }];
    });
  },
};
