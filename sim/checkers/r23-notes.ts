/**
 * R23: a digest is on the disk before its signature leaves, and before the leader proposes it. After a start an honest keeper signs
 * nothing new in a turn with te up to the highest head that it or its store had seen + confirmations, and it signs only while the turn
 * lasts in its own view (R4). Of two processes with one key (D9) each answers for its own disk and its own starts.
 */
import { addressOfCommittee } from "../chain/snapshots.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { headOf, processOf } from "./hearing.ts";
import { highestHead, wordsOf } from "./words.ts";
import type { Word } from "./words.ts";
import type { BodyOf } from "../../protocol/messages.ts";

/** Time within which a process may have received a head that its last step did not know. */
const reading_ms = 50;

type Signs = Word<BodyOf<"partial"> | BodyOf<"proposal">>;

/** The fault of a signature or proposal by the notes and starts of its process; undefined: none. */
function faultOf({ cluster }: Run, { committee, process, at_ms, body }: Signs): string | undefined {
  const { ts, te, turn } = body.round;
  const { confirmations, turn: length } = cluster.options.params;
  const seat = processOf(cluster, process)?.seat;
  if (seat === undefined) return `was signed by ${process}, which is no process of a keeper,`;
  const { store, starts } = seat;
  const address = addressOfCommittee(committee);
  const note = store.noted.find(
    (n) => n.committee === address && n.ts === ts && n.turn === turn && n.digest === body.digest,
  );
  if (note === undefined || note.at_ms > at_ms) return "signed before it had a note on its disk";
  // A message or note at the time of a start belongs to the life before, since loading the store takes time.
  const start = starts.findLast((s) => s.at_ms < at_ms);
  if (start === undefined || note.at_ms <= start.at_ms) return undefined;
  const head = Math.max(start.head, start.known);
  if (te <= head + confirmations) return `was started at ${head} and signed anew`;
  const view = headOf(cluster, process, note.at_ms - reading_ms) - confirmations;
  return view >= te + length ? `signed at view ${view}, when the turn was over,` : undefined;
}

export const noted: Checker = {
  name: "R23",
  check(run) {
    const lying = liars(run);
    return wordsOf(run).flatMap((word) => {
      const { keeper, at_ms, body } = word;
      if (lying.has(keeper) || (body.kind !== "partial" && body.kind !== "proposal")) return [];
      const fault = faultOf(run, { ...word, body });
      if (fault === undefined) return [];
      const text = `keeper ${keeper} ${fault} for ts ${body.round.ts}, turn ${body.round.turn}`;
      return [{ checker: "R23", block: highestHead(run.cluster, at_ms), text }];
    });
  },
};
