/**
 * S5: no honest keeper notes or signs two digests for one turn, across crash, restart and restored backup; it has on disk what
 * it signs before it does, and after a start signs nothing new in a turn that it may have seen before (R23).
 */
import type { MemoryStore } from "../memory-store.ts";
import { keeperIn, liars } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";

type Signed = { ts: number; turn: number; digest: string; at_ms: number };

/** What is wrong with one signature, by the notes and starts of who made it. */
function hasty({ cluster }: Run, keeper: number, { ts, turn, digest, at_ms }: Signed): string | undefined {
  const { store, starts } = cluster.seats[keeper] as {
    store: MemoryStore;
    starts: { at_ms: number; head: number }[];
  };
  const note = store.noted.find((n) => n.ts === ts && n.turn === turn && n.digest === digest);
  if (note === undefined || note.at_ms > at_ms) return "signed before it had a note on its disk";
  // What is said or noted in the very moment of a start was so before it: no store answers in no time.
  const start = starts.findLast((s) => s.at_ms < at_ms);
  if (start === undefined || note.at_ms <= start.at_ms) return undefined;
  const barred = cluster.endOf(ts, turn) <= start.head + cluster.options.params.confirmations;
  return barred ? `was started at ${start.head} and signed anew` : undefined;
}

export const neverTwice: Checker = {
  name: "S5",
  check(run) {
    const { cluster } = run;
    const { heard, heardAt_ms } = cluster.network;
    const lying = liars(run);
    const found: Violation[] = [];
    const first = new Map<string, string>();
    const say = (keeper: number, ts: number, turn: number, text: string): void => {
      found.push({ checker: "S5", block: ts, text: `keeper ${keeper} ${text} for ts ${ts}, turn ${turn}` });
    };
    const see = (keeper: number, ts: number, turn: number, digest: string, how: string): void => {
      const key = `${keeper}/${ts}/${turn}`;
      const known = first.get(key) ?? digest;
      first.set(key, known);
      if (known !== digest) say(keeper, ts, turn, `${how} two digests`);
    };
    cluster.seats.forEach(({ store }, keeper) => {
      if (lying.has(keeper)) return;
      for (const { ts, turn, digest } of store.noted) see(keeper, ts, turn, digest, "noted");
    });
    heard.forEach(({ keeper: seat, committee, body }, i) => {
      if (body.kind !== "partial") return;
      const keeper = keeperIn(run, committee, seat);
      if (lying.has(keeper)) return;
      const { ts, turn } = body.round;
      see(keeper, ts, turn, body.digest, "signed");
      const wrong = hasty(run, keeper, { ts, turn, digest: body.digest, at_ms: heardAt_ms[i] as number });
      if (wrong !== undefined) say(keeper, ts, turn, wrong);
    });
    return found;
  },
};
