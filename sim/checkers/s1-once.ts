/** S1: intervals neither overlap nor leave a gap, and each pays a provider once. */
import type { Checker } from "./checker.ts";

export const once: Checker = {
  name: "S1",
  check({ cluster }) {
    let ts = cluster.options.params.originBlock;
    return cluster.chain.settled.flatMap(({ settlement, block }) => {
      const start = ts;
      ts = settlement.te;
      const providers = settlement.items.map(({ provider }) => provider);
      const found = [];
      if (settlement.ts !== start) found.push(`starts at ${settlement.ts}, expected ${start}`);
      if (new Set(providers).size !== providers.length) found.push("pays a provider twice");
      return found.map((text) => ({ checker: "S1", block, text }));
    });
  },
};
