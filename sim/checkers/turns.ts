/** Turns of a run, computed from R5 to R7 without the core's functions. */
import { keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { quorum } from "../../protocol/quorum.ts";
import { addressOfCommittee } from "../chain/snapshots.ts";
import { keeperIn } from "./checker.ts";
import type { Run } from "./checker.ts";
import { scopeThen } from "./scope.ts";

/** Seats of a version in the order in which they lead the interval from `ts` (R5). */
export function leaders({ cluster }: Run, committee: number, version: number, ts: number): number[] {
  const seed = cluster.chain.seedOf(committee, version);
  const members = cluster.chain.membersOf(committee, version);
  const places = members.map(({ operator }, seat) => ({ seat, place: keccakWords(ts, seed, operator) }));
  return places.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ seat }) => seat);
}

/** The window of a turn, and the keeper that leads it. */
export type Turn = {
  /** Index of the committee in the world. */
  readonly committee: number;
  readonly ts: number;
  readonly number: number;
  readonly from: number;
  readonly to: number;
  readonly leader: number;
  /** Whether it certified the interval. */
  readonly settled: boolean;
};

/** Every turn whose window has passed, of all intervals and committees. */
export function turnsOf(run: Run): Turn[] {
  const { chain, options } = run.cluster;
  const { interval, turn: length, confirmations } = options.params;
  const found: Turn[] = [];
  const add = (committee: number, version: number, ts: number, count: number, last: boolean): void => {
    const order = leaders(run, committee, version, ts);
    for (let i = 0; i < count; i++) {
      const from = ts + interval + i * length;
      const leader = keeperIn(run, committee, version, order[i % order.length] as number);
      found.push({
        committee,
        ts,
        number: i + 1,
        from,
        to: from + length,
        leader,
        settled: last && i === count - 1,
      });
    }
  };
  for (const { committee, certificate } of chain.certified) {
    const { ts, te, version } = certificate;
    add(committee, version, ts, (te - ts - interval) / length + 1, true);
  }
  chain.at(chain.head).committees.forEach((now, committee) => {
    const over = Math.floor((chain.head - confirmations - now.ts - interval) / length);
    // An empty scope earns nothing, so nobody has to certify it.
    const last = now.ts + interval + (over - 1) * length;
    const owes = !now.idle && scopeThen(run, committee, now.ts, last).length > 0;
    if (over > 0 && owes) add(committee, now.active, now.ts, over, false);
  });
  return found;
}

/**
 * Whether lost messages excuse the turn, since L1 assumes a network that delivers: fewer than a quorum received a message of the
 * leader, or the leader received messages of one kind from fewer than a quorum. Faulty keepers do not count.
 */
export function unheard(
  { cluster }: Run,
  { committee: index, ts, number, leader }: Turn,
  faulty: ReadonlySet<number> = new Set(),
): boolean {
  const { committee } = cluster.options;
  const enough = quorum(committee) - 1;
  const lead = cluster.operatorOf(leader);
  const well = new Set(cluster.seats.flatMap((_, i) => (faulty.has(i) ? [] : [cluster.operatorOf(i)])));
  const heard = new Map<string, Set<Hex>>();
  const lost = new Set<string>();
  for (const { message, from, reached } of cluster.network.heard) {
    const { body } = message;
    if (message.committee !== addressOfCommittee(index)) continue;
    if (body.kind === "hello" || body.round.ts !== ts || body.round.turn !== number) continue;
    if (from === lead) {
      if (reached.filter((to) => well.has(to)).length < enough) return true;
      continue;
    }
    if (!well.has(from)) continue;
    const words = body.kind;
    if (!reached.includes(lead)) lost.add(words);
    else heard.set(words, (heard.get(words) ?? new Set()).add(from));
  }
  return [...lost].some((words) => (heard.get(words)?.size ?? 0) < enough);
}
