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

const measured = ["records", "hashes", "hellos", "early", "tasks", "notes", "settling"] as const;

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
    const sizes: Record<(typeof measured)[number], number> = {
      records: total(state.records, ({ size }) => size),
      hashes: state.hashes.size,
      hellos: total(state.hellos, ({ length }) => length),
      early: state.early.size,
      tasks: state.tasks.size,
      notes: state.notes.size,
      settling: state.settling.size,
    };
    return measured.flatMap((name) => {
      if (sizes[name] <= bounds[name]) return [];
      const text = `keeper ${i} holds ${sizes[name]} ${name}, expected at most ${bounds[name]}`;
      return [{ checker: "memory", block: chain.head, text }];
    });
  });
}

function total<T>(lists: ReadonlyMap<unknown, T>, sizeOf: (list: T) => number): number {
  let sum = 0;
  for (const list of lists.values()) sum += sizeOf(list);
  return sum;
}
