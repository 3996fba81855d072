/** A contract refuses a transaction of an honest keeper only because it is early, late, or not the first. */
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";

const races = new Set(
  ["StaleStart", "TooEarly", "TooLate", "NotRemembered"].map((name) => `Committee_${name}`),
);

export const refused: Checker = {
  name: "refused",
  check(run) {
    const lying = liars(run);
    return run.cluster.refused
      .filter(({ keeper, error }) => !lying.has(keeper) && !races.has(error))
      .map(({ keeper, block, error }) => ({
        checker: "refused",
        block,
        text: `keeper ${keeper} sent a transaction that the contract refuses with ${error}`,
      }));
  },
};
