/**
 * R4: a keeper acts on the view head − confirmations. So nothing of a turn, which begins at te (R6), is said before anybody can
 * have seen a head of te + confirmations.
 */
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { highestHead, roundWords } from "./words.ts";

export const view: Checker = {
  name: "R4",
  check(run) {
    const { cluster } = run;
    const { confirmations } = cluster.options.params;
    const lying = liars(run);
    return roundWords(run).flatMap(({ keeper, at_ms, body }) => {
      const { te, turn } = body.round;
      const head = highestHead(cluster, at_ms);
      if (lying.has(keeper) || head >= te + confirmations) return [];
      const text = `keeper ${keeper} says ${body.kind} of turn ${turn}, whose view begins at head ${te + confirmations}, at head ${head}`;
      return [{ checker: "R4", block: head, text }];
    });
  },
};
