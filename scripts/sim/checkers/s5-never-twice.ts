/** S5: no honest keeper notes or signs two digests for one turn, across crash, restart and restored backup. */
import { keeperIn, liars } from "./checker.ts";
import type { Checker, Violation } from "./checker.ts";

export const neverTwice: Checker = {
  name: "S5",
  check(run) {
    const { cluster } = run;
    const lying = liars(run);
    const found: Violation[] = [];
    const first = new Map<string, string>();
    const see = (keeper: number, ts: number, turn: number, digest: string, how: string): void => {
      if (lying.has(keeper)) return;
      const key = `${keeper}/${ts}/${turn}`;
      const known = first.get(key) ?? digest;
      first.set(key, known);
      if (known === digest) return;
      found.push({
        checker: "S5",
        block: ts,
        text: `keeper ${keeper} ${how} two digests for ts ${ts}, turn ${turn}`,
      });
    };
    cluster.seats.forEach(({ store }, keeper) => {
      for (const { ts, turn, digest } of store.noted) see(keeper, ts, turn, digest, "noted");
    });
    for (const { keeper: seat, committee, body } of cluster.network.heard) {
      const keeper = keeperIn(run, committee, seat);
      if (body.kind === "partial") see(keeper, body.round.ts, body.round.turn, body.digest, "signed");
    }
    return found;
  },
};
