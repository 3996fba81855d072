/** D6: the state that a keeper holds for a committee stays within bounds. */
import { addressOfCommittee } from "../chain/snapshots.ts";
import type { Cluster } from "../cluster.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { Checker, Violation } from "./checker.ts";

export const memory: Checker = {
  name: "memory",
  watch({ cluster, scenario }) {
    const { chain } = cluster;
    return chain
      .at(chain.head)
      .committees.flatMap((_, committee) => overBounds(cluster, scenario, committee));
  },
};

function overBounds(cluster: Cluster, scenario: Scenario, committee: number): Violation[] {
  const { chain } = cluster;
  const { interval, turn, slot } = scenario.params;
  const open = Math.max(0, chain.head - chain.tsAt(committee, chain.head)) + 2 * (interval + turn);
  const { memberships } = chain.committeeAt(committee);
  const providers = cluster.options.providers.length * Math.max(1, memberships.length);
  const bounds = {
    records: (providers * open) / slot + 64,
    hashes: open + 256,
    hellos: 2 * scenario.committee,
    early: scenario.committee,
    tasks: 2 * providers,
    notes: open / turn + 8,
    settling: 4 * memberships.length + 8,
  };
  return cluster.seats.flatMap(({ keeper }, i) => {
    const state = keeper?.stateOf(addressOfCommittee(committee));
    if (state === undefined) return [];
    const sizes: Record<keyof typeof bounds, number> = {
      records: [...state.records.values()].reduce((sum, bySlot) => sum + bySlot.size, 0),
      hashes: state.hashes.size,
      hellos: [...state.hellos.values()].flat().length,
      early: state.early.size,
      tasks: state.tasks.size,
      notes: state.notes.size,
      settling: state.settling.size,
    };
    return Object.entries(bounds)
      .filter(([name, bound]) => sizes[name as keyof typeof bounds] > bound)
      .map(([name, bound]) => ({
        checker: "memory",
        block: chain.head,
        text: `keeper ${i} holds ${sizes[name as keyof typeof bounds]} ${name}, expected at most ${bound}`,
      }));
  });
}
