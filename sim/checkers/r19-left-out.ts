/**
 * R19: an honest keeper signs no digest whose closed set omits a valid commit that it had forwarded by head P + a − 1, and none whose
 * bundle omits a reveal of the set that it had counted and forwarded by head B + confirmations + a − 1. A keeper forwards a message at
 * once when it accepts it (R18).
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

/** Sets and bundles that the signer had received and that may have led to the signed digest. */
function decidedFrom(run: Run, partial: Partial): Decided[] {
  const { body } = partial;
  const proposals = heardInRound(run, partial, "proposal", body).filter(
    (one) => one.body.digest === body.digest,
  );
  const bundles = heardInRound(run, partial, "bundle", body);
  const closes = heardInRound(run, partial, "close", body);
  return proposals.flatMap(({ body: { bundle: hash } }) => {
    const bundle = bundles.find(({ message }) => hashOf(message) === hash)?.body;
    const close = closes.find((one) => closedSetOf(one.committee, one.body) === bundle?.closedSet)?.body;
    return bundle === undefined || close === undefined ? [] : [{ close, bundle }];
  });
}

/** The seat of a keeper whose commit was forwarded in time but is not in the closed set. */
function missingInSet(run: Run, partial: Partial, { close }: Decided): number | undefined {
  const a = Math.floor(run.cluster.options.params.turn / twelfths);
  const heads = heardInRound(run, partial, "announce", partial.body).map(({ body }) => body.head);
  const last = Math.min(...heads) + a - 1;
  const listed = new Set(close.commits.map(({ keeper }) => keeper));
  const commits = heardInRound(run, partial, "commit", partial.body);
  return commits.find(({ seat, head }) => head <= last && !listed.has(seat))?.seat;
}

/** Longest check of a reveal on a network without faults: the keeper may ask each holder for a piece list. */
function checking_ms({ options }: Run["cluster"]): number {
  return 50 + 2 * (options.committee + 2) * options.network.delayMs[1];
}

/** Whether a fault in the round may have delayed the check of a valid reveal. */
function isDisturbed(run: Run, { te }: BodyOf<"close">["round"]): boolean {
  const { originBlock, turn } = run.cluster.options.params;
  const networkFaults: ReadonlySet<string> = new Set(["partition", "one-way", "loss", "delay", "pause"]);
  if (reorgedAt_ms(run, originBlock, te + turn).length > 0) return true;
  return run.fired.some((one) => networkFaults.has(one.fault.kind) && during(one, te, te + turn, turn));
}

/** The seat of an honest keeper of the set whose reveal was forwarded in time but is not in the bundle. */
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
    // A keeper with a restored backup or a second process may reveal other values than it committed to.
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
