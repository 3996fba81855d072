/**
 * R17 to R23: of each kind an honest keeper says one thing in a turn, also after a restart: what it committed to is on its disk, and
 * who led says nothing new that it may have said before. Two different messages of a leader lose it the turn (R19). A keeper whose
 * disk was put back, or whose keys ran twice, may not know better.
 */
import type { Envelope } from "../../protocol/codec/message.ts";
import { liars } from "./checker.ts";
import type { Checker } from "./checker.ts";
import { hashOf, highestHead, roundName, roundWords } from "./words.ts";

export const oneWord: Checker = {
  name: "R18",
  check(run) {
    const forgetful = run.fired.filter(({ fault }) => fault.kind === "old-data" || fault.kind === "twin");
    const excused = new Set([...liars(run), ...forgetful.flatMap(({ keepers }) => keepers)]);
    const said = new Map<string, Envelope>();
    return roundWords(run).flatMap(({ keeper, at_ms, message, body }) => {
      if (excused.has(keeper)) return [];
      const key = `${keeper}/${body.kind}/${roundName(body)}`;
      const first = said.get(key);
      if (first === undefined) {
        said.set(key, message);
        return [];
      }
      if (hashOf(first) === hashOf(message)) return [];
      const text = `keeper ${keeper} says two different messages of the kind ${body.kind} in turn ${body.round.turn} from ${body.round.ts}`;
      return [{ checker: "R18", block: highestHead(run.cluster, at_ms), text }];
    });
  },
};
