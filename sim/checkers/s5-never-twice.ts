/**
 * S5: no honest keeper notes or signs two digests for one turn, across crash, restart and restored backup. Two processes with one
 * key (D9) count as one keeper.
 */
import { liars, partialsOf } from "./checker.ts";
import type { Checker, Violation } from "./checker.ts";

export const neverTwice: Checker = {
  name: "S5",
  check(run) {
    const { cluster } = run;
    const lying = liars(run);
    const found: Violation[] = [];
    const first = new Map<string, string>();
    const see = (keeper: number, ts: number, turn: number, digest: string, how: string): void => {
      const key = `${keeper}/${ts}/${turn}`;
      const known = first.get(key) ?? digest;
      first.set(key, known);
      if (known === digest) return;
      const text = `keeper ${keeper} ${how} two digests for ts ${ts}, turn ${turn}`;
      found.push({ checker: "S5", block: ts, text });
    };
    cluster.processes.forEach(({ keeper, seat }) => {
      if (lying.has(keeper)) return;
      for (const { ts, turn, digest } of seat.store.noted) see(keeper, ts, turn, digest, "noted");
    });
    for (const { keeper, ts, turn, digest } of partialsOf(run)) {
      if (!lying.has(keeper)) see(keeper, ts, turn, digest, "signed");
    }
    return found;
  },
};
