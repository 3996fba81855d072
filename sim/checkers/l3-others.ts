/**
 * L3: one bad provider, keeper or payer never stops the pay of the others. While only providers and payers have faults, every interval is
 * certified in its first turn; every group of a certificate is settled, unless its own escrow or an earlier interval of it stands in the
 * way; and amounts that an underfunded payer owes are in arrears.
 */
import { groupName } from "../group-names.ts";
import { during, harmless } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { turnsOf, unheard } from "./turns.ts";

function late(run: Run): Violation[] {
  const { cluster, scenario, fired } = run;
  const { slot, turn } = scenario.params;
  const lapsed = turnsOf(run).filter((one) => !one.settled && !unheard(run, one));
  return cluster.chain.certified.flatMap(({ committee, certificate, block }) => {
    const { ts, te } = certificate;
    const bad = fired.some((f) => !harmless.has(f.fault.kind) && during(f, ts, te, turn + 2 * slot));
    if (bad || !lapsed.some((one) => one.committee === committee && one.ts === ts)) return [];
    const text = `committee ${committee}: no keeper had a fault, but the interval was certified only at ${te}`;
    return [{ checker: "L3", block, text }];
  });
}

/** Groups of certificates that were not settled by the end of the next turn, though no keeper had a fault. */
function unsettled(run: Run): Violation[] {
  const { chain, options } = run.cluster;
  const { turn, slot } = options.params;
  return chain.certified.flatMap(({ committee, certificate, groups, block }) => {
    const by = block + 2 * turn;
    const bad = run.fired.some(
      (f) => !harmless.has(f.fault.kind) && during(f, certificate.ts, by, turn + 2 * slot),
    );
    if (bad || by > chain.head) return [];
    return groups.flatMap(({ number }) => {
      const settled = chain.settled.some(
        (one) =>
          one.committee === committee &&
          one.number === number &&
          one.certificate.ts === certificate.ts &&
          one.block <= by,
      );
      const text = `committee ${committee}: ${groupName(run.cluster.chain, committee, number)} of the certificate from ${certificate.ts} is not settled by block ${by}`;
      return settled ? [] : [{ checker: "L3", block: by, text }];
    });
  });
}

/** Providers that did not get what their group's escrow could pay, the rest being in arrears. */
function unpaid({ cluster }: Run): Violation[] {
  return cluster.chain.settled.flatMap(({ group, from, to, items, block, before, after }) =>
    items.flatMap(({ provider, spaceTime }) => {
      const [was, is] = [before.providers[provider], after.providers[provider]];
      if (was === undefined || is === undefined) return [];
      const gross = before.amount(was, spaceTime, from, to);
      const net = gross - (gross * before.terms.keeperShareBps) / 10_000n;
      const had = is.credit + is.withdrawn - was.credit - was.withdrawn;
      if (had + is.arrears === net + was.arrears) return [];
      const text = `group ${group}, provider ${provider}: due ${net} and arrears ${was.arrears}, credited ${had}, arrears ${is.arrears}`;
      return [{ checker: "L3", block, text }];
    }),
  );
}

export const others: Checker = {
  name: "L3",
  check: (run) => [...late(run), ...unsettled(run), ...unpaid(run)],
};
