/** S7: a keeper that did no challenges in a whole interval is not paid for it, as long as no more than f have none to show. */
import { faultBound } from "../../../keeper/core/quorum.ts";
import { during } from "./checker.ts";
import type { Checker } from "./checker.ts";

export const work: Checker = {
  name: "S7",
  check({ cluster, fired }) {
    const lazy = fired.filter(
      ({ fault }) => fault.kind === "byzantine" && fault.behaviour === "lazy" && fault.oneIn === undefined,
    );
    return cluster.chain.settled.flatMap(({ settlement, block, before }) => {
      const seats = cluster.chain.seatsOf(before.active);
      const { ts, te, payees, items } = settlement;
      // Where nobody could prove anything, nobody has more to show than the lazy one (R28).
      if (items.every(({ spaceTime }) => spaceTime === 0n)) return [];
      // The same if half of the committee has nothing to show: then the median of what was opened is 0.
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
