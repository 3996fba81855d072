/**
 * R17 to R23: an honest keeper publishes one message of each kind in a turn, also after a restart: its commit is on its disk, and a
 * leader that restarts publishes nothing of that turn again. Two different messages cost a leader its turn (R19). Exempt are
 * keepers with a restored backup or a second process, which do not know all that they published.
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
    return roundWords(run).flatMap((word) => {
      const { keeper, committee, at_ms, message, body } = word;
      if (excused.has(keeper)) return [];
      const key = `${keeper}/${body.kind}/${roundName(word)}`;
      const first = said.get(key);
      if (first === undefined) {
        said.set(key, message);
        return [];
      }
      if (hashOf(first) === hashOf(message)) return [];
      const text = `keeper ${keeper} publishes two different messages of the kind ${body.kind} in turn ${body.round.turn} of committee ${committee} from ${body.round.ts}`;
      return [{ checker: "R18", block: highestHead(run.cluster, at_ms), text }];
    });
  },
};
