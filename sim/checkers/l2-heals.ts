/** L2: the first turn that begins after a partition has healed settles, unless another fault is in force. */
import { during, harmless } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { turnsOf } from "./turns.ts";

export const heals: Checker = {
  name: "L2",
  check(run) {
    const { slot, turn } = run.scenario.params;
    const turns = turnsOf(run);
    const cuts = run.fired.filter(({ fault }) => fault.kind === "partition" || fault.kind === "one-way");
    return cuts.flatMap((cut) => {
      const { until } = cut;
      if (until === undefined) return [];
      const next = turns.find(({ from }) => from >= until);
      if (next === undefined || next.settled) return [];
      const other = (f: typeof cut): boolean =>
        f !== cut && !harmless.has(f.fault.kind) && during(f, next.from, next.to, turn + 2 * slot);
      if (run.fired.some(other)) return [];
      const text = `the network healed at ${until}, but turn ${next.number} from ${next.from} did not settle`;
      return [{ checker: "L2", block: next.to, text }];
    });
  },
};
