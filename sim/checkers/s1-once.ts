/** S1: intervals of a committee, and of a group, neither overlap nor leave a gap, and each pays a provider once. */
import type { Checker, Run, Violation } from "./checker.ts";

function intervalsOfCommittees({ cluster: { chain } }: Run): Violation[] {
  const through = new Map<number, number>();
  return chain.certified.flatMap(({ committee, certificate, groups, block }) => {
    const { ts, te } = certificate;
    const start = through.get(committee);
    through.set(committee, te);
    const found = [];
    // R5: an idle committee begins anew with the next group.
    const begins = chain.committeeAt(committee).memberships.some(({ entered }) => entered === ts);
    if (start !== undefined && ts !== start && !(begins && ts > start))
      found.push(`committee ${committee}: a certificate starts at ${ts}, expected ${start}`);
    const names = groups.flatMap(({ number, items }) => items.map(({ provider }) => `${number}/${provider}`));
    if (new Set(names).size !== names.length) found.push(`committee ${committee} certifies a provider twice`);
    return found.map((text) => ({ checker: "S1", block, text }));
  });
}

function intervalsOfGroups({ cluster: { chain } }: Run): Violation[] {
  const through = new Map<number, number>();
  return chain.settled.flatMap(({ group, from, to, block, items, before }) => {
    const start = through.get(group) ?? before.settledThrough;
    through.set(group, to);
    const found = [];
    if (from !== start) found.push(`group ${group}: an interval starts at ${from}, expected ${start}`);
    if (new Set(items.map(({ provider }) => provider)).size !== items.length)
      found.push(`group ${group} pays a provider twice`);
    return found.map((text) => ({ checker: "S1", block, text }));
  });
}

export const once: Checker = {
  name: "S1",
  check: (run) => [...intervalsOfCommittees(run), ...intervalsOfGroups(run)],
};
