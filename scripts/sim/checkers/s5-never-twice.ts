/**
 * S5: no honest keeper notes or signs two digests for one turn, across crash, restart and restored backup; it has on disk what
 * it signs before it does, and after a start signs nothing new in a turn that it may have seen before (R23). Of two processes with
 * one key (D9) each answers for its own disk and its own starts, and both together for what they note and sign.
 */
import { liars, partialsOf } from "./checker.ts";
import type { Checker, Partial, Run, Violation } from "./checker.ts";

/** What is wrong with one signature, by the notes and starts of the process that made it. */
function hasty({ cluster }: Run, { process, ts, turn, digest, at_ms }: Partial): string | undefined {
  const signer = cluster.processes.find(({ name }) => name === process);
  if (signer === undefined) return `was signed by ${process}, which is no process of a keeper,`;
  const { store, starts } = signer.seat;
  const note = store.noted.find((n) => n.ts === ts && n.turn === turn && n.digest === digest);
  if (note === undefined || note.at_ms > at_ms) return "signed before it had a note on its disk";
  // What is said or noted in the very moment of a start was so before it: no store answers in no time.
  const start = starts.findLast((s) => s.at_ms < at_ms);
  if (start === undefined || note.at_ms <= start.at_ms) return undefined;
  // R23: the highest head that it or its store had seen.
  const head = Math.max(start.head, start.known);
  const barred = cluster.endOf(ts, turn) <= head + cluster.options.params.confirmations;
  return barred ? `was started at ${head} and signed anew` : undefined;
}

export const neverTwice: Checker = {
  name: "S5",
  check(run) {
    const { cluster } = run;
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
    cluster.processes.forEach(({ keeper, seat }) => {
      if (lying.has(keeper)) return;
      for (const { ts, turn, digest } of seat.store.noted) see(keeper, ts, turn, digest, "noted");
    });
    for (const partial of partialsOf(run)) {
      const { keeper, ts, turn, digest } = partial;
      if (lying.has(keeper)) continue;
      see(keeper, ts, turn, digest, "signed");
      const wrong = hasty(run, partial);
      if (wrong !== undefined) say(keeper, ts, turn, wrong);
    }
    return found;
  },
};
