/**
 * R19: nobody is left out. An honest keeper signs no digest whose closed set omits a keeper whose valid commit it had passed on by
 * head P + a − 1, nor one whose bundle omits a keeper of the set whose reveal it had passed on, as counted, by head
 * B + confirmations + a − 1. What a keeper accepts from the wires goes on to all at that moment (R18).
 */
import type { BodyOf } from "../../protocol/messages.ts";
import { during, liars } from "./checker.ts";
import type { Checker, Run } from "./checker.ts";
import { heardInRound, shownAt_ms } from "./hearing.ts";
import type { Heard } from "./hearing.ts";
import { closedSetOf, hashOf, highestHead, reorgedAt_ms, wordsOfKind } from "./words.ts";
import type { Word } from "./words.ts";

type Partial = Word<BodyOf<"partial">>;
type Decided = { readonly close: BodyOf<"close">; readonly bundle: BodyOf<"bundle"> };

/** a = ⌊t/12⌋ (R4). */
const twelfths = 12;

/** Sets and bundles from which the digest that is signed may have been decided, as far as the signer had heard of them. */
function decidedFrom(run: Run, partial: Partial): Decided[] {
  const { body } = partial;
  const proposals = heardInRound(run, partial, "proposal", body).filter(
    (one) => one.body.digest === body.digest,
  );
  const bundles = heardInRound(run, partial, "bundle", body);
  const closes = heardInRound(run, partial, "close", body);
  return proposals.flatMap(({ body: { bundle: hash } }) => {
    const bundle = bundles.find(({ message }) => hashOf(message) === hash)?.body;
    const close = closes.find((one) => closedSetOf(run, one.body) === bundle?.closedSet)?.body;
    return bundle === undefined || close === undefined ? [] : [{ close, bundle }];
  });
}

/** The seat of a keeper that the closed set omits though its commit was passed on in time. */
function missingInSet(run: Run, partial: Partial, { close }: Decided): number | undefined {
  const a = Math.floor(run.cluster.options.params.turn / twelfths);
  const heads = heardInRound(run, partial, "announce", partial.body).map(({ body }) => body.head);
  const last = Math.min(...heads) + a - 1;
  const listed = new Set(close.commits.map(({ keeper }) => keeper));
  const commits = heardInRound(run, partial, "commit", partial.body);
  return commits.find(({ seat, head }) => head <= last && !listed.has(seat))?.seat;
}

/** Time within which every check of a reveal ends, where nothing is wrong with the wires: each holder of a list may be asked for it. */
function checking_ms({ options }: Run["cluster"]): number {
  return 50 + 2 * (options.committee + 2) * options.network.delayMs[1];
}

/** Whether something in the round may have kept a reveal that holds from being counted in time. */
function isDisturbed(run: Run, { te }: BodyOf<"close">["round"]): boolean {
  const { originBlock, turn } = run.cluster.options.params;
  const wires: ReadonlySet<string> = new Set(["partition", "one-way", "loss", "delay", "pause"]);
  if (reorgedAt_ms(run, originBlock, te + turn).length > 0) return true;
  return run.fired.some((one) => wires.has(one.fault.kind) && during(one, te, te + turn, turn));
}

/** The seat of an honest keeper of the set that the bundle omits though its reveal was passed on in time. */
function missingInBundle(
  run: Run,
  partial: Partial,
  { close, bundle }: Decided,
  doubtful: ReadonlySet<number>,
): number | undefined {
  const { cluster } = run;
  const { turn, confirmations } = cluster.options.params;
  if (isDisturbed(run, close.round)) return undefined;
  const first = close.auditBlock + confirmations;
  const last = first + Math.floor(turn / twelfths) - 1;
  const { process } = partial;
  const over_ms = shownAt_ms(cluster, process, last + 1, 0);
  const begins_ms = shownAt_ms(cluster, process, first, 0);
  const listed = new Set(bundle.reveals.map(({ keeper }) => keeper));
  const members = new Set(close.commits.map(({ keeper }) => keeper));
  const inTime = ({ keeper, seat, at_ms, body }: Heard<BodyOf<"reveal">>): boolean =>
    body.closedSet === bundle.closedSet &&
    members.has(seat) &&
    !doubtful.has(keeper) &&
    Math.max(at_ms, begins_ms) + checking_ms(cluster) < over_ms;
  const reveals = heardInRound(run, partial, "reveal", partial.body);
  return reveals.find((one) => inTime(one) && !listed.has(one.seat))?.seat;
}

function faultOf(
  run: Run,
  partial: Partial,
  decided: Decided,
  doubtful: ReadonlySet<number>,
): string | undefined {
  const unset = missingInSet(run, partial, decided);
  if (unset !== undefined) return `a closed set without the commit of seat ${unset}`;
  const unbundled = missingInBundle(run, partial, decided, doubtful);
  return unbundled === undefined ? undefined : `a bundle without the reveal of seat ${unbundled}`;
}

export const leftOut: Checker = {
  name: "R19",
  check(run) {
    const lying = liars(run);
    // A keeper whose disk was put back, or whose keys ran twice, may reveal what it did not commit to.
    const forgetful = run.fired.filter(({ fault }) => fault.kind === "old-data" || fault.kind === "twin");
    const doubtful = new Set([...lying, ...forgetful.flatMap(({ keepers }) => keepers)]);
    return wordsOfKind(run, "partial").flatMap((partial) => {
      const { keeper, at_ms, body } = partial;
      if (lying.has(keeper)) return [];
      const faults = decidedFrom(run, partial).map((decided) => faultOf(run, partial, decided, doubtful));
      const [fault] = faults;
      if (fault === undefined || faults.includes(undefined)) return [];
      const text = `keeper ${keeper} signs in turn ${body.round.turn} from ${body.round.ts}, decided from ${fault} that it had in time`;
      return [{ checker: "R19", block: highestHead(run.cluster, at_ms), text }];
    });
  },
};
