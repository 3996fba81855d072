/** S2: after every settlement of a group, deposits equal payouts plus balances, to the last unit. */
import type { GroupModel } from "../chain/group-model.ts";
import type { Checker } from "./checker.ts";

/** Token units that the group holds: escrow, credits of providers, earnings of keepers. */
function held(group: GroupModel): bigint {
  const providers = group.providers.reduce((sum, { credit }) => sum + credit, 0n);
  const keepers = [...group.keepers.values()].flatMap(({ earned }) => earned);
  return group.free + providers + keepers.reduce((sum, earned) => sum + earned, 0n);
}

export const money: Checker = {
  name: "S2",
  check({ cluster }) {
    const { chain } = cluster;
    const settled = chain.settled.map(({ after, block }) => ({ group: after, block }));
    const last = chain.at(chain.head).groups.map((group) => ({ group, block: chain.head }));
    return [...settled, ...last].flatMap(({ group, block }) => {
      const found: string[] = [];
      const balance = group.deposited - group.paidOut;
      if (held(group) !== balance) found.push(`expected ${balance} in all, actual ${held(group)}`);
      if (group.free < 0n) found.push(`the escrow is at ${group.free}`);
      if (group.providers.some(({ arrears }) => arrears < 0n)) found.push("a provider's arrears are below 0");
      if ([...group.keepers.values()].some(({ arrears }) => arrears < 0n))
        found.push("the keepers' arrears are below 0");
      return found.map((text) => ({ checker: "S2", block, text: `group ${group.index}: ${text}` }));
    });
  },
};
