/** D6: the state that a keeper holds for a group stays within bounds. */
import type { Checker } from "./checker.ts";

export const memory: Checker = {
  name: "memory",
  watch({ cluster, scenario }) {
    const { chain } = cluster;
    const { interval, turn, slot } = scenario.params;
    const open = chain.head - chain.tsAt(chain.head) + 2 * (interval + turn);
    const providers = cluster.options.providers.length;
    const bounds = {
      records: (providers * open) / slot + 64,
      hashes: open + 256,
      hellos: 2 * scenario.committee,
      early: scenario.committee,
      tasks: 2 * providers,
      notes: open / turn + 8,
    };
    return cluster.seats.flatMap(({ keeper }, i) => {
      const state = keeper?.stateOf(chain.snapshot(chain.head).address);
      if (state === undefined) return [];
      const sizes: Record<keyof typeof bounds, number> = {
        records: [...state.records.values()].reduce((sum, bySlot) => sum + bySlot.size, 0),
        hashes: state.hashes.size,
        hellos: [...state.hellos.values()].flat().length,
        early: state.early.size,
        tasks: state.tasks.size,
        notes: state.notes.size,
      };
      return Object.entries(bounds)
        .filter(([name, bound]) => sizes[name as keyof typeof bounds] > bound)
        .map(([name, bound]) => ({
          checker: "memory",
          block: chain.head,
          text: `keeper ${i} holds ${sizes[name as keyof typeof bounds]} ${name}, expected at most ${bound}`,
        }));
    });
  },
};
