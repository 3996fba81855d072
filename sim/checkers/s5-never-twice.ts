/**
 * S5: no honest keeper notes or signs two digests for one turn, across crash, restart and restored backup. Two processes with one
 * key (D9) count as one keeper.
 */
import { indexOfAddress } from "../chain/snapshots.ts";
import { liars, partialsOf } from "./checker.ts";
import type { Checker, Violation } from "./checker.ts";

type Signed = {
  readonly committee: number;
  readonly ts: number;
  readonly turn: number;
  readonly digest: string;
};

export const neverTwice: Checker = {
  name: "S5",
  check(run) {
    const { cluster } = run;
    const lying = liars(run);
    const found: Violation[] = [];
    const first = new Map<string, string>();
    const see = (keeper: number, { committee, ts, turn, digest }: Signed, how: string): void => {
      const key = `${keeper}/${committee}/${ts}/${turn}`;
      const known = first.get(key) ?? digest;
      first.set(key, known);
      if (known === digest) return;
      const text = `keeper ${keeper} ${how} two digests for committee ${committee}, ts ${ts}, turn ${turn}`;
      found.push({ checker: "S5", block: ts, text });
    };
    cluster.processes.forEach(({ keeper, seat }) => {
      if (lying.has(keeper)) return;
      for (const note of seat.store.noted) {
        see(keeper, { ...note, committee: indexOfAddress(note.committee) }, "noted");
      }
    });
    for (const partial of partialsOf(run)) {
      if (!lying.has(partial.keeper)) see(partial.keeper, partial, "signed");
    }
    return found;
  },
};
