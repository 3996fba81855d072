/** S6: a keeper still has every record that its disk acknowledged after a crash or restart, until the slot is settled. */
import { slotAt } from "../../protocol/group.ts";
import type { Checker } from "./checker.ts";

export const records: Checker = {
  name: "S6",
  watch({ cluster, fired }) {
    const { chain } = cluster;
    const { address } = chain.snapshot(chain.head);
    // A restored backup lacks later records.
    const restored = new Set(
      fired.flatMap(({ fault, keepers }) => (fault.kind === "old-data" ? keepers : [])),
    );
    return cluster.seats.flatMap(({ keeper, store }, i) => {
      const state = keeper?.stateOf(address);
      const group = state?.group;
      if (state === undefined || group === undefined || restored.has(i)) return [];
      const first = slotAt(group.params, group.ts);
      const lost: string[] = [];
      for (const { provider, slot } of store.acknowledged.values()) {
        const there = slot < first || state.records.get(provider)?.has(slot) === true;
        if (!there) lost.push(`provider ${provider} in slot ${slot}`);
      }
      if (lost.length === 0) return [];
      const text = `keeper ${i} lost ${lost.length} records, the first of ${lost[0]}`;
      return [{ checker: "S6", block: chain.head, text }];
    });
  },
};
