/**
 * S4: with at most f liars a provider is paid within the range of what honest keepers integrated for that turn, give or take
 * the tolerance, and never above what it committed (R16).
 */
import { faultBound } from "../../../keeper/core/quorum.ts";
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";

export const range: Checker = {
  name: "S4",
  check(run) {
    const { cluster, scenario } = run;
    const lying = liars(run);
    if (lying.size > faultBound(scenario.committee)) return [];
    const tolerance = BigInt(scenario.params.toleranceBps);
    return cluster.chain.settled.flatMap(({ settlement, block }) => {
      const { ts, te, items } = settlement;
      return items.flatMap(({ provider, spaceTime }) => {
        const honest = cluster.seats.flatMap(({ store }, keeper) => {
          if (lying.has(keeper)) return [];
          const own = store.integrated.find((o) => o.ts === ts && o.te === te);
          return own?.values.filter((v) => v.provider === provider).map((v) => v.value) ?? [];
        });
        if (honest.length === 0) return [];
        const low = honest.reduce((a, b) => (b < a ? b : a));
        const high = honest.reduce((a, b) => (b > a ? b : a));
        const fits = spaceTime * 10_000n >= low * (10_000n - tolerance);
        if (fits && spaceTime * 10_000n <= high * (10_000n + tolerance)) return [];
        const text = `provider ${provider}: expected ${low} to ${high}, actual ${spaceTime}`;
        return [{ checker: "S4", block, text }];
      });
    });
  },
};
