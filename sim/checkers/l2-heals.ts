/** L2: in every committee the first turn that begins after a partition has healed settles, unless another fault is in force. */
import { during, harmless } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { turnsOf } from "./turns.ts";

export const heals: Checker = {
  name: "L2",
  check(run) {
    const { slot, turn } = run.scenario.params;
    const turns = [...Map.groupBy(turnsOf(run), ({ committee }) => committee).values()];
    const cuts = run.fired.filter(({ fault }) => fault.kind === "partition" || fault.kind === "one-way");
    return cuts.flatMap((cut) => {
      const { until } = cut;
      if (until === undefined) return [];
      return turns.flatMap((ofCommittee) => {
        const next = ofCommittee.find(({ from }) => from >= until);
        if (next === undefined || next.settled) return [];
        const other = (f: typeof cut): boolean =>
          f !== cut && !harmless.has(f.fault.kind) && during(f, next.from, next.to, turn + 2 * slot);
        if (run.fired.some(other)) return [];
        const { number, committee, from } = next;
        const text = `the network healed at ${until}, but turn ${number} of committee ${committee} from ${from} did not settle`;
        return [{ checker: "L2", block: next.to, text }];
      });
    });
  },
};
