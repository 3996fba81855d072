/**
 * R19: an honest leader closes one set in a turn, with a quorum of commits and an audit block in the future; before head P + ⌈t/6⌉ only
 * with all commits. An honest keeper reveals only for a set that lists its own commit and was closed before the audit block existed.
 */
import { quorum } from "../../protocol/quorum.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import { liars } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { headOf } from "./hearing.ts";
import { closedSetOf, highestHead, roundName, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";
import { counted } from "../../protocol/counted.ts";

type Close = Word<BodyOf<"close">>;

/** The fault of a closed set at the head at which it was published; undefined: none. */
function faultOf(
  { cluster }: Run,
  { body, at_ms, process }: Close,
  announced: number | undefined,
): string | undefined {
  const { committee, params } = cluster.options;
  const { turn, confirmations } = params;
  const { commits, auditBlock, round } = body;
  const head = highestHead(cluster, at_ms);
  const sixth = Math.ceil(turn / 6);
  const last = round.te + Math.ceil((2 * turn) / 3) - confirmations - 4;
  if (commits.length < quorum(committee)) return `lists ${counted(commits.length, "commit")}`;
  // The leader may not have received the newest blocks, for long if its endpoint is down. After a reorg its head may be lower (R4).
  const own = headOf(cluster, process, at_ms);
  if (auditBlock < own + 2 || auditBlock > last)
    return `names block ${auditBlock} at head ${own}, last is ${last}`;
  if (commits.length === committee || announced === undefined) return undefined;
  if (head < announced + sixth) return `is not full at head ${head}, announced at ${announced}`;
  return auditBlock < announced + sixth + 3
    ? `names block ${auditBlock}, announced at ${announced}`
    : undefined;
}

export const closed: Checker = {
  name: "R19",
  check(run) {
    const { cluster } = run;
    // A keeper with a restored backup or a second process may have published another message before.
    const forgetful = run.fired.filter(({ fault }) => fault.kind === "old-data" || fault.kind === "twin");
    const lying = new Set([...liars(run), ...forgetful.flatMap(({ keepers }) => keepers)]);
    const found: Violation[] = [];
    const add = (at_ms: number, text: string): void =>
      void found.push({ checker: "R19", block: highestHead(cluster, at_ms), text });
    const announced = new Map(
      wordsOfKind(run, "announce").map((word) => [roundName(word), word.body.head] as const),
    );
    const sets = new Map<string, Close>();
    const rounds = new Map<string, string>();
    for (const close of wordsOfKind(run, "close")) {
      const { body, keeper, at_ms } = close;
      const hash = closedSetOf(close.committee, body);
      sets.set(hash, close);
      if (lying.has(keeper)) continue;
      const name = `${roundName(close)}/${keeper}`;
      const fault = faultOf(run, close, announced.get(roundName(close)));
      if (fault !== undefined) add(at_ms, `keeper ${keeper} closes a set that ${fault}`);
      if ((rounds.get(name) ?? hash) !== hash) add(at_ms, `keeper ${keeper} closes two sets in one turn`);
      rounds.set(name, hash);
    }
    const committed = new Map(
      wordsOfKind(run, "commit").map((word) => [`${roundName(word)}/${word.keeper}`, word.body.commitment]),
    );
    for (const word of wordsOfKind(run, "reveal")) {
      const { keeper, seat, process, at_ms, body } = word;
      const set = sets.get(body.closedSet);
      if (lying.has(keeper) || set === undefined) continue;
      const { auditBlock, commits } = set.body;
      if (headOf(cluster, process, set.at_ms) >= auditBlock) {
        add(at_ms, `keeper ${keeper} reveals for a set that was closed after its audit block ${auditBlock}`);
      }
      const own = commits.find((entry) => entry.keeper === seat)?.commitment;
      if (own !== committed.get(`${roundName(word)}/${keeper}`)) {
        add(at_ms, `keeper ${keeper} reveals for a set with another commitment in its name`);
      }
    }
    return found;
  },
};
