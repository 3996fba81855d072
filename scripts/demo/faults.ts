/** The faults of a demo: when they strike, and whether what follows on chain is what the rules promise. */
import { leaderOf, turnOrder } from "../../protocol/turns.ts";
import type { DemoDocument } from "./document.ts";
import type { Fault } from "./params.ts";

/** Where a run stands, as the chain shows it. */
export type Situation = {
  head: number;
  /** Settlements so far. */
  settled: number;
  /** Start of the open interval. */
  ts: number;
};

export type FaultActions = {
  crashKeeper(index: number): Promise<void>;
  restartKeeper(index: number): Promise<void>;
  /** Destroys part of the provider's stored bytes on disk and returns what was done, in words. */
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
  /** Both strike in the second interval, or in the first if there is no other (0-based). */
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

  /** Called once a block, one call at a time. */
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
    this.#actions.say(`block ${head}: keeper ${this.#crashed} leads from now on, and is killed (kill -9)`);
  }

  /**
   * In the middle of its lapsing turn: R23 keeps it from signing there, so the turn is lost all the same, and it
   * challenges from the first slot of the next interval on, which is what its share of that interval is drawn from (R28).
   */
  async #restart({ head }: Situation): Promise<void> {
    const due = head >= this.#crashedAt + Math.ceil(this.#plan.turn / 3);
    if (this.#crashed === undefined || this.#restarted || !due) return;
    this.#restarted = true;
    this.#actions.say(`block ${head}: keeper ${this.#crashed} starts again`);
    await this.#actions.restartKeeper(this.#crashed);
  }

  /** Whether the provider held all its data throughout this interval. */
  isHonest(provider: number, interval: number): boolean {
    return provider !== this.#damaged || interval < this.#interval;
  }

  /** What the provider that lost data proved since, and was paid, as the settlements say; nothing if none did. */
  losses({ settlements, providers, params }: DemoDocument): string[] {
    const victim = providers.find(({ index }) => index === this.#damaged);
    if (victim === undefined) return [];
    const slot = Math.floor((this.#damagedAt - params.originBlock) / params.slot);
    const from = params.originBlock + slot * params.slot;
    let [proven, committed] = [0n, 0n];
    for (const { ts, te, items } of settlements.filter(({ te }) => te > from)) {
      const paid = items.find(({ provider }) => provider === victim.index)?.spaceTime ?? 0n;
      // Before the loss it proved everything.
      proven += paid - victim.bytes * BigInt(Math.max(0, from - ts));
      committed += victim.bytes * BigInt(te - Math.max(ts, from));
    }
    if (committed === 0n) return [];
    const perCent = (100n * (proven > 0n ? proven : 0n)) / committed;
    return [
      `provider ${victim.index} lost data: ${perCent} % proven since slot ${slot}, paid ${100n - perCent} % less`,
    ];
  }

  /** What the faults should have led to and did not, in words. */
  complaints({ settlements, providers }: DemoDocument): string[] {
    return [...this.#crashComplaints(settlements), ...this.#lossComplaints(settlements, providers)];
  }

  #crashComplaints(settlements: DemoDocument["settlements"]): string[] {
    if (!this.#wanted("leader-crash")) return [];
    const victim = this.#crashed;
    const hit = settlements[this.#interval];
    if (victim === undefined || hit === undefined) return ["no leader was killed"];
    const next = settlements[this.#interval + 1];
    return [
      hit.turn === 2 ? undefined : `L1: the crash of one leader cost ${hit.turn - 1} turns, expected 1`,
      hit.failed.includes(victim)
        ? undefined
        : `keeper ${victim} was killed in its turn and does not count as failed`,
      hit.shares[String(victim)] === undefined ? undefined : `S3: keeper ${victim} failed and was paid`,
      next === undefined || next.payees.includes(victim)
        ? undefined
        : `keeper ${victim} restarted and is not back`,
    ].filter((text) => text !== undefined);
  }

  #lossComplaints(settlements: DemoDocument["settlements"], providers: DemoDocument["providers"]): string[] {
    if (!this.#wanted("provider-loss")) return [];
    const victim = providers.find(({ index }) => index === this.#damaged);
    if (victim === undefined) return ["no provider lost data"];
    return settlements.slice(this.#interval).flatMap(({ ts, te, items }, i) => {
      const item = items.find(({ provider }) => provider === victim.index);
      const whole = victim.bytes * BigInt(te - ts);
      const proven = item?.spaceTime ?? 0n;
      if (proven < whole) return [];
      return [`provider ${victim.index} lost data and is paid in full in interval ${this.#interval + i + 1}`];
    });
  }
}
