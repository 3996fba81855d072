/**
 * D9: a keeper falls silent for a second process with its keys, and for nothing else: what its own last life said, or what others
 * tell of it, is no double.
 */
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";

export const ownLife: Checker = {
  name: "D9",
  check(run) {
    const doubled = run.fired.flatMap(({ fault, keepers }) => (fault.kind === "twin" ? keepers : []));
    const excused = new Set([...doubled, ...liars(run)]);
    return run.cluster.reasons
      .filter(({ keeper, code }) => code === "second-instance" && !excused.has(keeper))
      .map(({ keeper, block, detail }) => ({
        checker: "D9",
        block,
        text: `keeper ${keeper} fell silent, and nobody else has its keys: ${detail}`,
      }));
  },
};
