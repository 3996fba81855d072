/**
 * D9: a keeper stops signing only if a second process uses its keys. Messages of its own earlier process, and those that others
 * forward, are no sign of a second instance.
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
        text: `keeper ${keeper} stopped signing, though no second process has its keys: ${detail}`,
      }));
  },
};
