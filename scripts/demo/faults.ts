/** The faults of a demo: when they fire, and whether the chain then shows the result that the rules require. */
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import type { DemoDocument, GroupEntry, RoundEntry } from "./document.ts";
import type { Fault } from "./params.ts";
import { counted } from "../../protocol/counted.ts";

/** State of the run, read from the chain. */
export type Situation = {
  head: number;
  /** Intervals that are certified so far. */
  settled: number;
  /** Start of the open interval. */
  ts: number;
};

export type FaultActions = {
  crashKeeper(index: number): Promise<void>;
  restartKeeper(index: number): Promise<void>;
  /** Destroys part of the provider's bytes on disk. Returns a description. */
  damageProvider(index: number): Promise<string>;
  say(text: string): void;
};

export type FaultPlan = {
  fault: Fault;
  settlements: number;
  providers: number;
  interval: number;
  turn: number;
  committeeSeed: string;
  operators: readonly string[];
};

export class Faults {
  readonly #plan: FaultPlan;
  readonly #actions: FaultActions;
  /** Interval (from 0) in which both faults fire: the second, or the first if it is the only one. */
  readonly #interval: number;
  #crashed: number | undefined;
  #crashedAt = 0;
  #restarted = false;
  #damaged: number | undefined;
  #damagedAt = 0;

  constructor(plan: FaultPlan, actions: FaultActions) {
    this.#plan = plan;
    this.#actions = actions;
    this.#interval = Math.min(1, plan.settlements - 1);
  }

  #wanted(fault: Fault): boolean {
    return this.#plan.fault === fault || this.#plan.fault === "all";
  }

  /** Called once for each block; calls do not overlap. */
  async strike(situation: Situation): Promise<void> {
    await this.#damage(situation);
    await this.#crash(situation);
    await this.#restart(situation);
  }

  async #damage({ head, settled, ts }: Situation): Promise<void> {
    const { providers, interval } = this.#plan;
    const due = settled === this.#interval && head >= ts + Math.floor(interval / 2);
    if (!this.#wanted("provider-loss") || this.#damaged !== undefined || !due) return;
    this.#damaged = Math.min(1, providers - 1);
    this.#damagedAt = head;
    const what = await this.#actions.damageProvider(this.#damaged);
    this.#actions.say(`block ${head}: provider ${this.#damaged} loses data: ${what}`);
  }

  async #crash({ head, settled, ts }: Situation): Promise<void> {
    const { interval, committeeSeed, operators } = this.#plan;
    const due = settled === this.#interval && head >= ts + interval;
    if (!this.#wanted("leader-crash") || this.#crashed !== undefined || !due) return;
    this.#crashed = leaderOf(turnOrder(ts, committeeSeed, operators), 1);
    this.#crashedAt = head;
    await this.#actions.crashKeeper(this.#crashed);
    this.#actions.say(`block ${head}: keeper ${this.#crashed} becomes the leader and is killed (kill -9)`);
  }

  /**
   * Restarts the leader within its turn. R23 forbids it to sign in that turn, so the turn still lapses. It sends challenges from the
   * first slot of the next interval on, which R28 requires for its share of that interval.
   */
  async #restart({ head }: Situation): Promise<void> {
    const due = head >= this.#crashedAt + Math.ceil(this.#plan.turn / 3);
    if (this.#crashed === undefined || this.#restarted || !due) return;
    this.#restarted = true;
    this.#actions.say(`block ${head}: keeper ${this.#crashed} restarts`);
    await this.#actions.restartKeeper(this.#crashed);
  }

  /** Whether the provider held all its data throughout this interval. */
  isHonest(provider: number, interval: number): boolean {
    return provider !== this.#damaged || interval < this.#interval;
  }

  /** A line for each group on the proven share and the pay of the provider that lost data; none if no provider did. */
  losses({ committee, groups }: DemoDocument): string[] {
    const { originBlock, slot } = committee.params;
    const first = Math.floor((this.#damagedAt - originBlock) / slot);
    return groups.flatMap((group, i) => {
      const perCent = this.#provenSince(originBlock + first * slot, group);
      if (perCent === undefined) return [];
      const who = groups.length === 1 ? "" : ` of group ${i}`;
      return [
        `provider ${this.#damaged}${who} lost data: ${perCent} % proven since slot ${first}, paid ${100n - perCent} % less`,
      ];
    });
  }

  /** What the provider that lost data has proven from a block on, in percent. */
  #provenSince(from: number, { providers, settlements }: GroupEntry): bigint | undefined {
    const victim = providers.find(({ index }) => index === this.#damaged);
    if (victim === undefined) return undefined;
    let [proven, committed] = [0n, 0n];
    for (const { ts, te, items } of settlements.filter(({ te }) => te > from)) {
      const paid = items.find(({ provider }) => provider === victim.index)?.spaceTime ?? 0n;
      // Before the loss it proved all its bytes.
      proven += paid - victim.bytes * BigInt(Math.max(0, from - ts));
      committed += victim.bytes * BigInt(te - Math.max(ts, from));
    }
    return committed === 0n ? undefined : (100n * (proven > 0n ? proven : 0n)) / committed;
  }

  /** Expected results of the faults that the chain does not show. */
  complaints({ rounds, groups }: DemoDocument): string[] {
    return [...this.#crashComplaints(rounds, groups), ...this.#lossComplaints(groups)];
  }

  #crashComplaints(rounds: readonly RoundEntry[], groups: readonly GroupEntry[]): string[] {
    if (!this.#wanted("leader-crash")) return [];
    const victim = this.#crashed;
    const hit = rounds[this.#interval];
    if (victim === undefined || hit === undefined) return ["no leader was killed"];
    const next = rounds[this.#interval + 1];
    const paying = groups.filter(
      ({ settlements }) => settlements[this.#interval]?.shares[String(victim)] !== undefined,
    );
    return [
      hit.turn === 2
        ? undefined
        : `L1: the crash of one leader cost ${counted(hit.turn - 1, "turn")}, expected 1`,
      hit.failed.includes(victim)
        ? undefined
        : `keeper ${victim} was killed in its turn but does not count as failed (R7)`,
      paying.length === 0 ? undefined : `S3: keeper ${victim} failed but was paid`,
      next === undefined || next.payees.includes(victim)
        ? undefined
        : `keeper ${victim} restarted but is no payee of the next interval`,
    ].filter((text) => text !== undefined);
  }

  #lossComplaints(groups: readonly GroupEntry[]): string[] {
    if (!this.#wanted("provider-loss")) return [];
    const damaged = groups.flatMap((group, i) => {
      const victim = group.providers.find(({ index }) => index === this.#damaged);
      return victim === undefined ? [] : [{ group: i, victim, settlements: group.settlements }];
    });
    if (damaged.length === 0) return ["no provider lost data"];
    return damaged.flatMap(({ group, victim, settlements }) =>
      settlements.slice(this.#interval).flatMap(({ ts, te, items }, i) => {
        const proven = items.find(({ provider }) => provider === victim.index)?.spaceTime ?? 0n;
        if (proven < victim.bytes * BigInt(te - ts)) return [];
        const interval = this.#interval + i + 1;
        return [
          `provider ${victim.index} lost data but is paid in full by group ${group} in interval ${interval}`,
        ];
      }),
    );
  }
}
