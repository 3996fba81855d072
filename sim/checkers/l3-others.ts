/**
 * L3: one bad provider, keeper or payer never stops the pay of the others. While only providers and the payer have faults, every
 * interval is settled in its first turn, and amounts that an underfunded payer owes are in arrears.
 */
import { during, harmless } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { turnsOf, unheard } from "./turns.ts";

export const others: Checker = {
  name: "L3",
  check(run) {
    const { cluster, scenario, fired } = run;
    const { slot, turn } = scenario.params;
    const lapsed = turnsOf(run).filter((one) => !one.settled && !unheard(run, one));
    return cluster.chain.settled.flatMap(({ settlement, block, before, after }) => {
      const { ts, te } = settlement;
      const found: string[] = [];
      const bad = fired.some((f) => !harmless.has(f.fault.kind) && during(f, ts, te, turn + 2 * slot));
      if (!bad && lapsed.some((one) => one.ts === ts))
        found.push(`no keeper had a fault, but the interval settled only at ${te}`);
      settlement.items.forEach(({ provider, spaceTime }) => {
        const [was, is] = [before.providers[provider], after.providers[provider]];
        if (was === undefined || is === undefined) return;
        const whole = before.committed(was, ts, te);
        const due = before.amount(spaceTime < whole ? spaceTime : whole) + was.arrears;
        const cut = (paid: bigint): bigint => paid - (paid * before.config.keeperShareBps) / 10_000n;
        const had = is.credit + is.withdrawn - was.credit - was.withdrawn;
        if (had !== cut(due - is.arrears))
          found.push(`provider ${provider}: due ${due}, credited ${had}, arrears ${is.arrears}`);
      });
      return found.map((text) => ({ checker: "L3", block, text }));
    });
  },
};
