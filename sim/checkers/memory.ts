/** D6: the state that a keeper holds for a committee stays within bounds. */
import { addressOfCommittee } from "../chain/snapshots.ts";
import type { Cluster } from "../cluster.ts";
import type { Scenario } from "../scenario/schema.ts";
import type { Checker, Violation } from "./checker.ts";
import { headOf } from "./hearing.ts";

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
    const bounds = boundsOf(cluster, scenario, { committee, keeper: i });
    return measured.flatMap((name) => {
      if (sizes[name] <= bounds[name]) return [];
      const text = `keeper ${i} holds ${sizes[name]} ${name}, expected at most ${bounds[name]}`;
      return [{ checker: "memory", block: chain.head, text }];
    });
  });
}

function boundsOf(
  cluster: Cluster,
  scenario: Scenario,
  { committee, keeper }: { committee: number; keeper: number },
): Record<(typeof measured)[number], number> {
  const { chain, world } = cluster;
  const { interval, turn, slot, confirmations } = scenario.params;
  // The interval of the last certificate that is final in the keeper's view may be reorganised; what is before it is not needed.
  const view = headOf(cluster, cluster.operatorOf(keeper), world.now_ms) - confirmations;
  const certified = chain.certifiedOf(committee);
  const last = certified.findLast(({ block }) => block <= view) ?? certified[0];
  const open =
    Math.max(0, chain.head - (last?.certificate.ts ?? chain.tsAt(committee, chain.head))) + interval + turn;
  const { memberships } = chain.committeeAt(committee);
  const providers = cluster.options.providers.length * Math.max(1, memberships.length);
  return {
    records: (providers * open) / slot + 64,
    hashes: open + 256,
    hellos: 2 * scenario.committee,
    early: scenario.committee,
    tasks: 2 * providers,
    notes: open / turn + 8,
    settling: 4 * memberships.length + 8,
  };
}

function total<T>(lists: ReadonlyMap<unknown, T>, sizeOf: (list: T) => number): number {
  let sum = 0;
  for (const list of lists.values()) sum += sizeOf(list);
  return sum;
}
