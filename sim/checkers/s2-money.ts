/** S2: after every settlement, deposits equal payouts plus balances, to the last unit. */
import type { Model } from "../chain/contract-model.ts";
import type { Checker } from "./checker.ts";

/** Token units that the group holds: escrow, credits of providers, earnings of keepers. */
function held(model: Model): bigint {
  const providers = model.providers.reduce((sum, { credit }) => sum + credit, 0n);
  const keepers = [...model.committees.values()].flatMap(({ accounts }) => accounts);
  return (
    model.free + providers + keepers.reduce((sum, { earned, withdrawn }) => sum + earned - withdrawn, 0n)
  );
}

export const money: Checker = {
  name: "S2",
  check({ cluster }) {
    const { chain } = cluster;
    const settled = chain.settled.map(({ after, block }) => ({ model: after, block }));
    return [...settled, { model: chain.at(chain.head), block: chain.head }].flatMap(({ model, block }) => {
      const found: string[] = [];
      const balance = model.deposited - model.paidOut;
      if (held(model) !== balance) found.push(`expected ${balance} in all, actual ${held(model)}`);
      if (model.free < 0n) found.push(`the escrow is at ${model.free}`);
      if (model.providers.some(({ arrears }) => arrears < 0n)) found.push("a provider's arrears are below 0");
      return found.map((text) => ({ checker: "S2", block, text }));
    });
  },
};
