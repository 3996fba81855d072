/**
 * L1: an interval is settled in the turn of the first correct leader. A turn may lapse only if its leader, more than f keepers,
 * the network or the chain failed around it. A failed leader is no excuse once a quorum has signed (R25).
 */
import { faultBound, quorum } from "../../protocol/quorum.ts";
import type { Fired } from "../scenario/strike.ts";
import { during, harmless, partialsOf } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { turnsOf, unheard } from "./turns.ts";
import type { Turn } from "./turns.ts";

/** Whether a quorum had signed one digest of the turn while others still had time to submit it (R25). */
function certified(run: Run, { committee, ts, number, from, to }: Turn): boolean {
  const { cluster } = run;
  const late_ms = cluster.minedAt_ms[from + Math.ceil((2 * (to - from)) / 3)] ?? 0;
  const signers = new Map<string, Set<number>>();
  for (const one of partialsOf(run)) {
    if (one.committee !== committee || one.ts !== ts || one.turn !== number || one.at_ms >= late_ms) continue;
    signers.set(one.digest, (signers.get(one.digest) ?? new Set()).add(one.keeper));
  }
  return [...signers.values()].some(({ size }) => size >= quorum(cluster.options.committee));
}

function excused(run: Run, lapsed: Turn): boolean {
  const { leader, from, to } = lapsed;
  const { slot, turn } = run.scenario.params;
  const active = run.fired.filter((f) => !harmless.has(f.fault.kind) && during(f, from, to, turn + 2 * slot));
  const everybody = (f: Fired): boolean => f.keepers.length === 0 || f.fault.kind === "one-way";
  if (active.some(everybody)) return true;
  const hurt = new Set(active.flatMap((f) => f.keepers));
  if (hurt.size > faultBound(run.scenario.committee) || unheard(run, lapsed, hurt)) return true;
  return hurt.has(leader) && !certified(run, lapsed);
}

export const live: Checker = {
  name: "L1",
  check(run) {
    return turnsOf(run)
      .filter((turn) => !turn.settled && !excused(run, turn))
      .map(({ committee, ts, number, to, leader }) => ({
        checker: "L1",
        block: to,
        text: `turn ${number} of committee ${committee} and the interval from ${ts} lapsed under keeper ${leader} without a fault that excuses it`,
      }));
  },
};
