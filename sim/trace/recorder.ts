/** Records the events of a cluster from outside; no keeper depends on it. */
import type { Hex } from "../../protocol/hash.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { leaderOf, turnAt, turnOrder, turnWindow } from "../../protocol/turns.ts";
import type { Violation } from "../checkers/checker.ts";
import type { Settled } from "../chain/chain-model.ts";
import type { Cluster } from "../cluster.ts";
import { creditsOf } from "../chain/credits.ts";
import type { Injector } from "../scenario/inject.ts";
import type { Fired } from "../scenario/strike.ts";
import type { Paid, RunEvent } from "./events.ts";

/** An event without its time, which is now. */
type Happening = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, "at_ms" | "block"> : never) : never;

export class Recorder {
  readonly events: RunEvent[] = [];
  readonly #cluster: Cluster;
  readonly #injector: Injector;
  readonly #seatOf: ReadonlyMap<Hex, number>;
  #head: Hex | undefined;
  #reasons = 0;
  #fired = 0;
  readonly #lasting = new Map<number, Fired>();
  readonly #settled: Settled[] = [];
  readonly #turns = new Map<number, string>();

  constructor(cluster: Cluster, injector: Injector) {
    this.#cluster = cluster;
    this.#injector = injector;
    this.#seatOf = new Map(cluster.seats.map((_, seat) => [cluster.operatorOf(seat), seat]));
    const { network, world } = cluster;
    network.onSent = ({ body }, ways, from) => {
      this.#catchUp();
      const round = body.kind === "hello" ? undefined : body.round;
      this.#add({
        kind: "said",
        keeper: this.#seat(from),
        message: body.kind,
        round: round && { ts: round.ts, turn: round.turn },
        arrivals: ways.map(({ to, at_ms }) => ({ keeper: this.#seat(to), at_ms })),
      });
    };
    network.onAsked = (from, to, question, start_ms, answered) => {
      this.#catchUp();
      const [keeper, of, until_ms] = [this.#seat(from), this.#seat(to), world.now_ms];
      this.#add({ kind: "asked", keeper, of, question, answered, start_ms, until_ms });
    };
    injector.onChange = () => this.#catchUp();
    cluster.onBlock(() => this.#catchUp());
  }

  /** Adds the last events and the violations after the run. */
  end(violations: readonly Violation[]): void {
    this.#catchUp();
    for (const { checker, block, text } of violations) {
      const head = this.events.findLast((event) => event.kind === "head" && event.block === block);
      const at_ms = head?.at_ms ?? this.#cluster.world.now_ms;
      this.events.push({ kind: "violation", at_ms, block, checker, text });
    }
  }

  #seat(operator: Hex): number {
    return this.#seatOf.get(operator) ?? -1;
  }

  #add(happening: Happening): void {
    const { chain, world } = this.#cluster;
    this.events.push({ at_ms: world.now_ms, block: chain.head, ...happening });
  }

  /** Adds events that no callback reports; the keepers' notes come first, since they are the oldest. */
  #catchUp(): void {
    const { reasons } = this.#cluster;
    for (; this.#reasons < reasons.length; this.#reasons++) {
      const noted = reasons[this.#reasons];
      if (noted !== undefined) this.events.push({ kind: "noted", ...noted });
    }
    this.#chain();
    const { fired } = this.#injector;
    for (; this.#fired < fired.length; this.#fired++) {
      const one = fired[this.#fired];
      if (one === undefined) continue;
      this.#add({ kind: "fault", id: this.#fired, fault: one.fault, keepers: one.keepers });
      this.#lasting.set(this.#fired, one);
    }
    for (const [id, { fault, until }] of this.#lasting) {
      if (until === undefined) continue;
      this.#lasting.delete(id);
      this.#add({ kind: "fault-over", id, fault });
    }
  }

  #chain(): void {
    const { chain } = this.#cluster;
    const hash = chain.block(chain.head)?.hash;
    if (hash === this.#head) return;
    this.#head = hash;
    this.#add({ kind: "head" });
    const known = this.#settled;
    const kept = keptOf(known, chain.settled);
    for (const { group, from, to } of known.splice(kept)) {
      this.#add({ kind: "taken-back", group, ts: from, te: to });
    }
    for (const one of chain.settled.slice(kept)) {
      known.push(one);
      this.#settle(one);
    }
    for (let i = 0; i < chain.committees; i++) this.#turn(i);
  }

  #turn(committee: number): void {
    const { chain, options } = this.#cluster;
    const { ts, active, idle } = chain.committeeAt(committee);
    const number = turnAt(chain.head, ts, options.params);
    if (number < 1 || idle || this.#turns.get(committee) === `${ts}/${number}`) return;
    this.#turns.set(committee, `${ts}/${number}`);
    const operators = chain.membersOf(committee, active).map(({ operator }) => operator);
    const leads = leaderOf(turnOrder(ts, chain.seedOf(committee, active), operators), number);
    const leader = chain.seatsOf(committee, active)[leads] ?? -1;
    const { te, to } = turnWindow(ts, options.params, number);
    this.#add({ kind: "turn", committee, ts, turn: number, te, to, leader });
  }

  #settle(one: Settled): void {
    const { committee, group, certificate, from, to, sender } = one;
    const { ts, te, version, leader, failed, payees } = certificate;
    const { interval, turn } = this.#cluster.options.params;
    const seats = this.#cluster.chain.seatsOf(committee, version);
    const seatsIn = (bitmap: bigint): number[] => bitIndices(bitmap).map((member) => seats[member] ?? -1);
    const { keepers, providers } = creditsOf(one);
    const paid: Paid[] = [
      ...keepers.map((units, i) => ({ to: "keeper" as const, index: seats[i] ?? -1, units })),
      ...providers.map((units, index) => ({ to: "provider" as const, index, units })),
    ];
    this.#add({
      kind: "settled",
      group,
      ts: from,
      te: to,
      turn: (te - ts - interval) / turn + 1,
      leader: seats[leader] ?? -1,
      sender: this.#seat(sender),
      failed: seatsIn(failed),
      payees: seatsIn(payees),
      paid: paid.filter(({ units }) => units > 0n),
    });
  }
}

/** Number of elements with which both lists begin alike. A reorg takes elements from the end of a list, and each is in it once. */
function keptOf<T>(before: readonly T[], now: readonly T[]): number {
  let kept = Math.min(before.length, now.length);
  while (kept > 0 && before[kept - 1] !== now[kept - 1]) kept--;
  return kept;
}
