/**
 * R17: the leader announces a head P ≥ te + confirmations that it has seen, and every (group, provider) with a
 * committed slot in [ts, te) (R38).
 * A keeper takes part if it receives the announcement at a head from P − 1 to P + a, a = ⌊t/12⌋, and not otherwise.
 */
import { keccakWords, zeroHash } from "../../protocol/hash.ts";
import type { BodyOf } from "../../protocol/messages.ts";
import { during, harmless, liars } from "./checker.ts";
import type { Checker, Run, Violation } from "./checker.ts";
import { headOf, heardBy, heardInRound, lifeAt, processOf, shownAt_ms } from "./hearing.ts";
import type { Heard } from "./hearing.ts";
import { scopeThen } from "./scope.ts";
import { hashOf, roundName, wordsOfKind } from "./words.ts";

type Announce = BodyOf<"announce">;

/** Number and root of the scope: keccak256(abi.encode(group, provider, …)) in order; zero if it is empty. */
function scopeOf(run: Run, committee: number, { ts, te }: Announce["round"]): string {
  const scope = scopeThen(run, committee, ts, te);
  const names = scope.flatMap(({ group, provider }) => [group, provider]);
  return `${scope.length} under ${scope.length === 0 ? zeroHash : keccakWords(...names)}`;
}

/** A reorg deeper than the confirmations may move a call of the payer behind te. */
function isDeep({ cluster, fired }: Run): boolean {
  return fired.some(
    ({ fault }) => fault.kind === "reorg" && fault.depth > cluster.options.params.confirmations,
  );
}

/** The fault of an announcement; undefined: none. */
function faultOf(run: Run, committee: number, body: Announce): string | undefined {
  const { confirmations } = run.cluster.options.params;
  const first = body.round.te + confirmations;
  if (body.head < first) return `head ${body.head}, expected ${first} or more`;
  if (isDeep(run)) return undefined;
  const expected = scopeOf(run, committee, body.round);
  const actual = `${body.count} under ${body.root}`;
  return actual === expected ? undefined : `the scope ${actual}, expected ${expected}`;
}

/** Faults of announcements by honest leaders. */
function announcing(run: Run, lying: ReadonlySet<number>): Violation[] {
  return wordsOfKind(run, "announce").flatMap(({ keeper, process, at_ms, committee, body }) => {
    if (lying.has(keeper)) return [];
    const head = headOf(run.cluster, process, at_ms);
    const fault =
      body.head > head ? `head ${body.head}, and has seen ${head}` : faultOf(run, committee, body);
    const block = run.cluster.chain.head;
    return fault === undefined
      ? []
      : [{ checker: "R17", block, text: `keeper ${keeper} announces ${fault}` }];
  });
}

/** Commits of honest keepers to a round whose announcement they did not receive in time. */
function takingPart(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster } = run;
  const a = Math.floor(cluster.options.params.turn / 12);
  const said = new Set<string>();
  return wordsOfKind(run, "commit").flatMap(({ keeper, process, at_ms, committee, message, body }) => {
    // R18: after a restart a keeper forwards its own earlier commit if others send it.
    const again = said.has(hashOf(message));
    said.add(hashOf(message));
    if (again || lying.has(keeper)) return [];
    const head = headOf(cluster, process, at_ms);
    const announced = heardInRound(run, { process, at_ms, committee }, "announce", body);
    const counts = announced.some(
      (one) =>
        head >= one.body.head - 1 &&
        one.head <= one.body.head + a &&
        faultOf(run, committee, one.body) === undefined,
    );
    if (counts) return [];
    const heard = announced.map((one) => `head ${one.body.head} heard at ${one.head}`).join(", ");
    const text = `keeper ${keeper} commits at head ${head} in turn ${body.round.turn} from ${body.round.ts}, announced were: ${heard || "none"}`;
    return [{ checker: "R17", block: head, text }];
  });
}

/** Whether no fault excuses the keeper before the block `to`. */
function isWell(run: Run, keeper: number, to: number): boolean {
  const { slot, turn } = run.cluster.options.params;
  return !run.fired.some((one) => {
    const everybody = one.keepers.length === 0 || one.keepers.includes(keeper);
    return everybody && !harmless.has(one.fault.kind) && during(one, 0, to, turn + 2 * slot);
  });
}

function hasCommitted(run: Run, process: string, announce: Heard): boolean {
  const keeper = processOf(run.cluster, process)?.keeper;
  const heard = heardBy(run, process).get(roundName(announce)) ?? [];
  return heard.some((one) => one.keeper === keeper && one.body.kind === "commit");
}

/** Keepers with duties in a version (R37). */
function dutiesOf({ cluster }: Run, committee: number, version: number): number[] {
  const known = cluster.chain.committeeAt(committee).versionOf(version);
  return known?.members.filter((_, seat) => !known.resigned.includes(seat)) ?? [];
}

/** Keepers without a fault that received an announcement in time and do not take part. */
function stayingAway(run: Run, lying: ReadonlySet<number>): Violation[] {
  const { cluster } = run;
  const { turn, confirmations } = cluster.options.params;
  const a = Math.floor(turn / 12);
  return cluster.processes.flatMap(({ keeper, name }) => {
    if (lying.has(keeper)) return [];
    return [...heardBy(run, name).values()].flat().flatMap((one) => {
      if (one.body.kind !== "announce" || hasCommitted(run, name, one)) return [];
      const { body, committee, keeper: leader, head, at_ms } = one as Heard<Announce>;
      const { ts, te, turn: number } = body.round;
      const inTime =
        head >= body.head - 1 && head <= body.head + a && faultOf(run, committee, body) === undefined;
      const isMember = dutiesOf(run, committee, body.round.version).includes(keeper);
      if (!inTime || !isMember || lying.has(leader) || !isWell(run, keeper, te + turn)) return [];
      // A keeper commits at the first head at which its view has reached te, unless the turn is over by then.
      const after = Math.max(head, te + confirmations) + 1;
      const { to_ms } = lifeAt(cluster, name, at_ms);
      if (shownAt_ms(cluster, name, after, at_ms) >= to_ms || after >= te + turn) return [];
      if (
        cluster.chain
          .certifiedOf(committee)
          .some(({ certificate, block }) => certificate.ts === ts && block <= after)
      )
        return [];
      const text = `keeper ${keeper} hears head ${body.head} announced at ${head} and does not take part in turn ${number} from ${ts}`;
      return [{ checker: "R17", block: head, text }];
    });
  });
}

export const announced: Checker = {
  name: "R17",
  check(run) {
    const lying = liars(run);
    return [...announcing(run, lying), ...takingPart(run, lying), ...stayingAway(run, lying)];
  },
};
