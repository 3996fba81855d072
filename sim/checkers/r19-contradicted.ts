/**
 * R19: a keeper signs nothing new in a turn in which it holds two different announcements, closed sets, bundles or proposals signed
 * by the leader. It may publish again a signature that it noted before it held both (R23).
 */
import type { BodyOf } from "../../protocol/messages.ts";
import { quorum } from "../../protocol/quorum.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { heardInRound, processOf } from "./hearing.ts";
import type { Heard } from "./hearing.ts";
import { closedSetOf, hashOf, highestHead, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";

/** A message that arrives within this time before the note may be read after it. */
const reading_ms = 50;

const kinds = ["announce", "close", "bundle", "proposal"] as const;

/** A name for the meaning of a leader's message; undefined: every keeper rejects the message. */
function meaningOf(run: Run, { committee, message, body, head }: Heard): string | undefined {
  const { options } = run.cluster;
  const enough = quorum(options.committee);
  if (body.kind === "announce") {
    // Keepers reject an announcement of a head before the turn, or of one beyond their own.
    const counts = body.head >= body.round.te + options.params.confirmations && body.head <= head + 1;
    return counts ? hashOf(message) : undefined;
  }
  if (body.kind === "close") {
    // The same set with two signatures is one set.
    return body.commits.length < enough ? undefined : closedSetOf(committee, body);
  }
  return body.kind === "bundle" && body.reveals.length < enough ? undefined : hashOf(message);
}

/** A kind of which the process held two different messages of the leader before it noted the digest that it signs. */
function heldTwice(run: Run, partial: Word<BodyOf<"partial">>): string | undefined {
  const { committee, process, body } = partial;
  const { ts, turn } = body.round;
  const noted = processOf(run.cluster, process)?.seat.store.noted ?? [];
  const note = noted.find(
    (one) =>
      one.committee === addressOfCommittee(committee) &&
      one.ts === ts &&
      one.turn === turn &&
      one.digest === body.digest,
  );
  const by_ms = (note?.at_ms ?? partial.at_ms) - reading_ms;
  return kinds.find((kind) => {
    const held = heardInRound(run, { process, at_ms: by_ms, committee }, kind, body);
    const meanings = held.map((one) => meaningOf(run, one)).filter((meaning) => meaning !== undefined);
    return new Set(meanings).size > 1;
  });
}

export const contradicted: Checker = {
  name: "R19",
  check(run) {
    const lying = liars(run);
    return wordsOfKind(run, "partial").flatMap((partial) => {
      const { keeper, at_ms, body } = partial;
      const kind = lying.has(keeper) ? undefined : heldTwice(run, partial);
      if (kind === undefined) return [];
      const text = `keeper ${keeper} signs in turn ${body.round.turn} from ${body.round.ts} though it holds two messages of the kind ${kind} of its leader`;
      return [{ checker: "R19", block: highestHead(run.cluster, at_ms), text }];
    });
  },
};
