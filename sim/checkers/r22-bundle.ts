/**
 * R22: an honest leader's bundle is for its own closed set and lists only reveals of its members that the leader has received. The
 * leader publishes it when B is confirmed and all members have revealed, or with a quorum from head B + confirmations + ⌈t/6⌉ on.
 */
import type { BodyOf } from "../../protocol/messages.ts";
import { quorum } from "../../protocol/quorum.ts";
import { liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { headOf, heardInRound } from "./hearing.ts";
import { closedSetOf, hashOf, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";
import { counted } from "../../protocol/counted.ts";

type Bundle = Word<BodyOf<"bundle">>;

/** The fault of a bundle at the head at which it was published; undefined: none. */
function faultOf(run: Run, bundle: Bundle, head: number): string | undefined {
  const { options } = run.cluster;
  const { turn, confirmations } = options.params;
  const { body } = bundle;
  const close = heardInRound(run, bundle, "close", body).find(
    (one) => closedSetOf(one.committee, one.body) === body.closedSet,
  );
  if (close === undefined) return "is of a set that it has not closed";
  const { commits, auditBlock } = close.body;
  const members = new Set(commits.map(({ keeper }) => keeper));
  const stranger = body.reveals.find(({ keeper }) => !members.has(keeper));
  if (stranger !== undefined) return `lists seat ${stranger.keeper}, which is not in the set`;
  const revealed = heardInRound(run, bundle, "reveal", body);
  const unheard = body.reveals.find(
    ({ keeper, hash }) =>
      !revealed.some(
        (one) => one.seat === keeper && one.body.closedSet === body.closedSet && hashOf(one.message) === hash,
      ),
  );
  if (unheard !== undefined) return `lists a reveal of seat ${unheard.keeper} that it has not heard`;
  const listed = new Set(body.reveals.map(({ keeper }) => keeper)).size;
  if (listed < body.reveals.length) return "lists a seat twice";
  if (listed < quorum(options.committee)) return `lists ${counted(listed, "reveal")}`;
  const full = listed === members.size;
  const from = auditBlock + confirmations + (full ? 0 : Math.ceil(turn / 6));
  return head >= from
    ? undefined
    : `has ${listed} reveals of ${members.size} at head ${head}, expected from ${from} on`;
}

export const bundled: Checker = {
  name: "R22",
  check(run) {
    const lying = liars(run);
    return wordsOfKind(run, "bundle").flatMap((bundle) => {
      const { keeper, committee, process, at_ms, body } = bundle;
      if (lying.has(keeper)) return [];
      const head = headOf(run.cluster, process, at_ms);
      const fault = faultOf(run, bundle, head);
      if (fault === undefined) return [];
      const text = `keeper ${keeper}, leader of turn ${body.round.turn} of committee ${committee} from ${body.round.ts}: its bundle ${fault}`;
      return [{ checker: "R22", block: head, text }];
    });
  },
};
