/** S7: a keeper that did no challenges in a whole interval is not paid for it, as long as no more than f have none to show. */
import { slotAt } from "../../../keeper/core/group.ts";
import { faultBound } from "../../../keeper/core/quorum.ts";
import type { Cluster } from "../cluster.ts";
import { during } from "./checker.ts";
import type { Checker } from "./checker.ts";

export const work: Checker = {
  name: "S7",
  check({ cluster, fired }) {
    const lazy = fired.filter(
      ({ fault }) => fault.kind === "byzantine" && fault.behaviour === "lazy" && fault.oneIn === undefined,
    );
    if (lazy.length === 0) return [];
    return cluster.chain.settled.flatMap(({ settlement, block, before }) => {
      const seats = cluster.chain.seatsOf(before.active);
      const { ts, te, payees } = settlement;
      // If half of the committee has nothing to show, the median of what was opened is 0, and nobody had to show more (R28):
      // where no provider proved anything, and after a group's end in the middle of a slot that was not yet asked about.
      const showing = seats.filter((keeper) => provedIn(cluster, keeper, ts, te));
      if (2 * showing.length <= seats.length) return [];
      const hurt = new Set(fired.filter((f) => during(f, ts, te, 0)).flatMap(({ keepers }) => keepers));
      if (hurt.size > faultBound(seats.length)) return [];
      return lazy.flatMap(({ keepers, block: from, until }) => {
        const whole = from <= ts && (until === undefined || until >= te);
        return keepers
          .filter((keeper) => whole && seats.includes(keeper))
          .filter((keeper) => ((payees >> BigInt(seats.indexOf(keeper))) & 1n) === 1n)
          .map((keeper) => ({ checker: "S7", block, text: `keeper ${keeper} asked nothing and is a payee` }));
      });
    });
  },
};

/** Whether a provider proved something to that keeper in a slot of [ts, te). */
function provedIn({ seats, options }: Cluster, keeper: number, ts: number, te: number): boolean {
  const [from, to] = [slotAt(options.params, ts), slotAt(options.params, te)];
  return [...(seats[keeper]?.store.proven ?? [])].some(([place, bytes]) => {
    const slot = Number(place.split("/")[1]);
    return bytes > 0n && slot >= from && slot < to;
  });
}
