/** S3: a failed keeper is no payee, and who failed follows from the turn order (R7). */
import { bitmap, bits } from "../../../keeper/core/hash.ts";
import { faultBound } from "../../../keeper/core/quorum.ts";
import { failedLeaders, turnOrder } from "../../../keeper/core/turns.ts";
import type { Checker } from "./checker.ts";

export const shares: Checker = {
  name: "S3",
  check({ cluster }) {
    const { chain, options } = cluster;
    const { interval, turn: turnBlocks } = options.params;
    return chain.settled.flatMap(({ settlement, block }) => {
      const { ts, te, failed, payees } = settlement;
      const { committee } = chain.snapshot(chain.head);
      const order = turnOrder(
        ts,
        committee.seed,
        committee.members.map(({ operator }) => operator),
      );
      const turn = (te - ts - interval) / turnBlocks + 1;
      const expected = failedLeaders(order, turn, faultBound(order.length));
      const found = [];
      if ((failed & payees) !== 0n) found.push(`pays failed keepers: ${bits(failed & payees).join()}`);
      if (bitmap(expected) !== failed) {
        found.push(`failed are ${bits(failed).join()}, expected ${expected.join()}`);
      }
      return found.map((text) => ({ checker: "S3", block, text }));
    });
  },
};
