/**
 * L1: an interval is settled in the turn of the first correct leader. A turn may lapse only if its leader, more than f keepers,
 * the network or the chain were at fault around it.
 */
import { faultBound } from "../../../keeper/core/quorum.ts";
import type { Fired } from "../scenario/inject.ts";
import { during, harmless } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { turnsOf } from "./turns.ts";
import type { Turn } from "./turns.ts";

function excused(run: Run, { leader, from, to }: Turn): boolean {
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
    return turnsOf(run)
      .filter((turn) => !turn.settled && !excused(run, turn))
      .map(({ ts, number, to, leader }) => ({
        checker: "L1",
        block: to,
        text: `turn ${number} of the interval from ${ts} lapsed, and its leader ${leader} had no fault`,
      }));
  },
};
