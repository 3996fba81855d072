/** S3: only payees earn, and a keeper that sends in the leader's place (R25). A failed keeper earns nothing; the failed keepers
 * follow from the turn order (R7). */
import { bitIndices, bitmap } from "../../protocol/bitmap.ts";
import { faultBound } from "../../protocol/quorum.ts";
import type { Settled } from "../chain/chain-model.ts";
import type { Checker } from "./checker.ts";
import { leaders } from "./turns.ts";

/** Seats whose earnings rose. */
function earners({ before, after }: Settled): number[] {
  const accounts = after.committees.get(before.active)?.accounts ?? [];
  return accounts.flatMap(({ earned }, seat) =>
    earned > (before.committee.accounts[seat]?.earned ?? 0n) ? [seat] : [],
  );
}

export const shares: Checker = {
  name: "S3",
  check(run) {
    const { chain, options } = run.cluster;
    const { interval, turn: turnBlocks } = options.params;
    return chain.settled.flatMap((settled) => {
      const { settlement, before, sender, block } = settled;
      const { ts, te, failed, payees, leader } = settlement;
      const order = leaders(run, before.active, ts);
      const turn = (te - ts - interval) / turnBlocks + 1;
      const count = Math.min(turn - 1, faultBound(order.length));
      const expected = Array.from(
        { length: count },
        (_, i) => order[(turn - 2 - i) % order.length] as number,
      );
      const found = [];
      if ((failed & payees) !== 0n) found.push(`pays failed keepers: ${bitIndices(failed & payees).join()}`);
      if (bitmap(expected) !== failed) {
        found.push(`failed are ${bitIndices(failed).join()}, expected ${expected.join()}`);
      }
      if (leader !== order[(turn - 1) % order.length]) found.push(`led by ${leader} out of turn`);
      const by = chain.committeeOf(before.active).members.findIndex(({ operator }) => operator === sender);
      const allowed = payees | (((payees >> BigInt(leader)) & 1n) << BigInt(by));
      const wrong = earners(settled).filter((seat) => (((allowed & ~failed) >> BigInt(seat)) & 1n) === 0n);
      if (wrong.length > 0)
        found.push(`keepers ${wrong.join()} earned, payees are ${bitIndices(payees).join()}`);
      return found.map((text) => ({ checker: "S3", block, text }));
    });
  },
};
