/** Heads and messages that a process had received by a given time, as the world recorded them. */
import { decodePullReply } from "../../protocol/codec/question.ts";
import { decodeMessage } from "../../protocol/codec/message.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { BodyOf, Kind, RoundBody } from "../../protocol/messages.ts";
import type { Cluster, Process } from "../cluster.ts";
import type { Shown } from "../network/witness.ts";
import { committeeOf, keeperIn } from "./checker.ts";
import type { Run } from "./checker.ts";
import { roundName } from "./words.ts";

/** A message of a round that a process accepted as valid, or published itself. */
export type Heard<B extends RoundBody = RoundBody> = {
  /** Index of its author among all keepers of the world. */
  readonly keeper: number;
  readonly seat: number;
  /** Index of the committee in the world. */
  readonly committee: number;
  readonly message: Envelope;
  readonly body: B;
  readonly at_ms: number;
  /** The last head that the process had received by then. */
  readonly head: number;
};

export function processOf({ processes }: Cluster, name: string): Process | undefined {
  return processes.find((process) => process.name === name);
}

/** The last head that a process received since its last start before `at_ms`; −1: none. */
export function headOf(cluster: Cluster, process: string, at_ms: number): number {
  const shown = cluster.network.witness.shownTo(process);
  const last = shown[firstAfter(shown, (when_ms) => when_ms > at_ms) - 1];
  return last === undefined || last.at_ms < lifeAt(cluster, process, at_ms).from_ms ? -1 : last.head;
}

/** The first time from `from_ms` on at which the process received a head of `head` or more; Infinity: never. */
export function shownAt_ms(cluster: Cluster, process: string, head: number, from_ms: number): number {
  const shown = cluster.network.witness.shownTo(process);
  for (let i = firstAfter(shown, (at_ms) => at_ms >= from_ms); i < shown.length; i++) {
    const one = shown[i] as Shown;
    if (one.head >= head) return one.at_ms;
  }
  return Infinity;
}

/** Index of the first of the heads, which are in order of time, for whose time `isAfter` holds. */
function firstAfter(shown: readonly Shown[], isAfter: (at_ms: number) => boolean): number {
  let [low, high] = [0, shown.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isAfter((shown[middle] as Shown).at_ms)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Begin and end of the life of a process that contains `at_ms`. Each start begins a new life; whatever happens in the same instant still
 * belongs to the life before, since a start takes time.
 */
export function lifeAt(
  cluster: Cluster,
  process: string,
  at_ms: number,
): { readonly from_ms: number; readonly to_ms: number } {
  const starts = processOf(cluster, process)?.seat.starts ?? [];
  const next = starts.findIndex((start) => start.at_ms >= at_ms);
  const from = starts[(next < 0 ? starts.length : next) - 1];
  return { from_ms: from?.at_ms ?? 0, to_ms: starts[next]?.at_ms ?? Infinity };
}

type ByRound = ReadonlyMap<string, readonly Heard[]>;
const known = new WeakMap<Run, Map<string, ByRound>>();

/** Messages that a process accepted and published over all its lives, by the name of the round, in order of time. */
export function heardBy(run: Run, process: string): ByRound {
  const all = known.get(run) ?? new Map<string, ByRound>();
  known.set(run, all);
  const heard = all.get(process) ?? Map.groupBy(collect(run, process), roundName);
  all.set(process, heard);
  return heard;
}

const ofLeaders: ReadonlySet<Kind> = new Set(["announce", "close", "bundle", "proposal"]);

/**
 * Messages of one kind in the round of `of` that the process heard by `at_ms`, in the life that contains `at_ms`. Kinds that only a
 * leader may publish count only if they are from the leader.
 */
export function heardInRound<K extends Kind & RoundBody["kind"]>(
  run: Run,
  {
    process,
    at_ms,
    committee,
  }: { readonly process: string; readonly at_ms: number; readonly committee: number },
  kind: K,
  of: RoundBody,
): Heard<Extract<BodyOf<K>, RoundBody>>[] {
  const { from_ms } = lifeAt(run.cluster, process, at_ms);
  const heard = heardBy(run, process).get(roundName({ committee, body: of })) ?? [];
  return heard.filter(
    (one): one is Heard<Extract<BodyOf<K>, RoundBody>> =>
      one.body.kind === kind &&
      one.at_ms >= from_ms &&
      one.at_ms <= at_ms &&
      (!ofLeaders.has(kind) || one.seat === one.body.round.leader),
  );
}

function collect(run: Run, process: string): Heard[] {
  const { cluster } = run;
  const heard: Heard[] = [];
  const add = (message: Envelope, at_ms: number, head: number): void => {
    const { body, version, keeper: seat } = message;
    const committee = committeeOf(run, message);
    if (body.kind === "hello" || committee < 0) return;
    const keeper = keeperIn(run, committee, version, seat);
    heard.push({ keeper, seat, committee, message, body, at_ms, head });
  };
  for (const one of cluster.network.witness.arrivalsAt(process)) {
    if ("message" in one) add(one.message, one.at_ms, one.head);
    else for (const message of messagesIn(one.pulled)) add(message, one.at_ms, one.head);
  }
  const me = processOf(cluster, process)?.keeper;
  for (const { message, process: by, at_ms } of cluster.network.heard) {
    if (by !== process || message.body.kind === "hello") continue;
    const committee = committeeOf(run, message);
    if (keeperIn(run, committee, message.version, message.keeper) !== me) continue;
    add(message, at_ms, headOf(cluster, process, at_ms));
  }
  return heard.sort((a, b) => a.at_ms - b.at_ms);
}

function messagesIn(pulled: Uint8Array): Envelope[] {
  const reply = decodePullReply(pulled);
  if (!reply.ok) return [];
  return reply.value.flatMap((bytes) => {
    const decoded = decodeMessage(bytes);
    return decoded.ok ? [decoded.value] : [];
  });
}
