/**
 * L1, L2: an interval is settled in the turn of the first correct leader. A turn may lapse only if its leader, more than f
 * keepers, the network or the chain were at fault around it.
 */
import { faultBound } from "../../../keeper/core/quorum.ts";
import { turnOrder } from "../../../keeper/core/turns.ts";
import type { Fired } from "../scenario/inject.ts";
import type { Fault } from "../scenario/schema.ts";
import { during } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";

/** Faults of a provider or payer never excuse a lapsed turn (L3). */
const harmless: ReadonlySet<Fault["kind"]> = new Set([
  "lose-data",
  "offline",
  "slow",
  "corrupt",
  "selective",
  "return",
  "duplicate",
]);

function excused(run: Run, leader: number, from: number, to: number): boolean {
  const { slot, turn } = run.scenario.params;
  const active = run.fired.filter((f) => !harmless.has(f.fault.kind) && during(f, from, to, turn + 2 * slot));
  const everybody = (f: Fired): boolean => f.keepers.length === 0 || f.fault.kind === "one-way";
  if (active.some(everybody)) return true;
  const hurt = new Set(active.flatMap((f) => f.keepers));
  return hurt.has(leader) || hurt.size > faultBound(run.scenario.committee);
}

export const live: Checker = {
  name: "L1",
  check(run) {
    const { chain, options } = run.cluster;
    const { interval, turn: turnBlocks, confirmations } = options.params;
    const { committee } = chain.snapshot(chain.head);
    const operators = committee.members.map(({ operator }) => operator);
    const lapsed = (ts: number, first: number, count: number): string[] => {
      const order = turnOrder(ts, committee.seed, operators);
      return Array.from({ length: count }, (_, i) => i + first).flatMap((turn) => {
        const leader = order[(turn - 1) % order.length] as number;
        const from = ts + interval + (turn - 1) * turnBlocks;
        if (excused(run, leader, from, from + turnBlocks)) return [];
        return [`turn ${turn} of the interval from ${ts} lapsed, and its leader ${leader} had no fault`];
      });
    };
    const settled = chain.settled.flatMap(({ settlement: { ts, te }, block }) =>
      lapsed(ts, 1, (te - ts - interval) / turnBlocks).map((text) => ({ checker: "L1", block, text })),
    );
    const ts = chain.tsAt(chain.head);
    const over = Math.floor((chain.head - confirmations - ts - interval) / turnBlocks);
    const open = over > 0 ? lapsed(ts, 1, over) : [];
    return [...settled, ...open.map((text) => ({ checker: "L1", block: chain.head, text }))];
  },
};
