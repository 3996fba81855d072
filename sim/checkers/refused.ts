/** An honest keeper sends nothing that the contract must refuse: only that it came late, or after another. */
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";

const races = new Set(["StaleStart", "TooEarly", "TooLate"].map((name) => `Upkeeping_${name}`));

export const refused: Checker = {
  name: "refused",
  check(run) {
    const lying = liars(run);
    return run.cluster.refused
      .filter(({ keeper, error }) => !lying.has(keeper) && !races.has(error))
      .map(({ keeper, block, error }) => ({
        checker: "refused",
        block,
        text: `keeper ${keeper} sent a settlement that the contract refuses with ${error}`,
      }));
  },
};
