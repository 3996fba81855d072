/**
 * R4: a keeper acts on the view head − confirmations. A turn begins at te (R6), so no keeper publishes a message of it before a head
 * of te + confirmations exists.
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
    return roundWords(run).flatMap(({ keeper, committee, at_ms, body }) => {
      const { te, turn } = body.round;
      const head = highestHead(cluster, at_ms);
      if (lying.has(keeper) || head >= te + confirmations) return [];
      const text = `keeper ${keeper} publishes ${body.kind} of turn ${turn} of committee ${committee}, whose view begins at head ${te + confirmations}, at head ${head}`;
      return [{ checker: "R4", block: head, text }];
    });
  },
};
