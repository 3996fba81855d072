/** Makes a scenario's faults happen to a cluster, each once and in its time, and remembers to whom and from when to when. */
import { leaderOf, turnAt, turnOrder } from "../../protocol/turns.ts";
import type { Envelope } from "../../protocol/codec/message.ts";
import type { Kind } from "../../protocol/messages.ts";
import { behaviours } from "../byzantine/behaviours.ts";
import type { Behaviour } from "../byzantine/behaviours.ts";
import { changing } from "../byzantine/changing.ts";
import type { Cluster } from "../cluster.ts";
import type { NetworkOptions } from "../network/network.ts";
import type { Spoiled } from "../providers/providers.ts";
import type { Fault, Phase, Scenario } from "./schema.ts";

/** A fault that fired. `until` is the block at which its cause was gone, undefined while it lasts. */
export type Fired = {
  readonly fault: Fault;
  /** Keepers that it hit; empty: the network or the chain of all. */
  readonly keepers: readonly number[];
  readonly block: number;
  until: number | undefined;
};

/** The message that says that a phase is there. */
const signOf: Record<Exclude<Phase, "settle">, Kind> = {
  announce: "announce",
  commit: "commit",
  close: "close",
  reveal: "reveal",
  decide: "bundle",
  sign: "proposal",
  submit: "partial",
};

type Job = { readonly block: number; readonly run: () => void };

export class Injector {
  readonly fired: Fired[] = [];
  /** Called when a fault has fired, and when its cause is gone. */
  onChange: () => void = () => undefined;
  readonly #cluster: Cluster;
  readonly #waiting: Fault[];
  readonly #later: Job[] = [];
  readonly #behaviour = new Map<number, string>();
  readonly #backups = new Map<Fault, ReturnType<Cluster["seats"][number]["store"]["backup"]>>();
  readonly #held: number[];
  #newcomers = 0;
  readonly #offline = new Set<number>();
  readonly #spoiled = new Map<number, Spoiled>();
  /** Keepers that a provider is in league with. */
  readonly #leagues = new Map<number, Set<number>>();
  readonly #selective = new Map<number, readonly number[]>();
  /** Keepers that a provider gives no piece list. */
  readonly #withheld = new Map<number, Set<number>>();
  readonly #weather = new Set<Partial<NetworkOptions>>();
  readonly #cuts = new Set<(a: number, b: number) => boolean>();

  constructor(cluster: Cluster, { faults }: Scenario) {
    this.#cluster = cluster;
    this.#waiting = [...faults];
    this.#held = cluster.options.providers.map(() => 16);
    const honest = cluster.decorate;
    cluster.decorate = (ports, keeper) => {
      const known = honest(ports, keeper);
      const lies = liesOf(faults, keeper);
      return lies.size === 0 ? known : changing(lies, () => this.#behaviour.get(keeper) ?? "")(known);
    };
    cluster.proves = (provider, keeper) => this.#proves(provider, keeper);
    cluster.spoils = (provider) => this.#spoiled.get(provider);
    cluster.servesList = (provider, keeper) => this.#withheld.get(provider)?.has(keeper) !== true;
    cluster.onFatal = (keeper) => cluster.crash(keeper);
    const { network } = cluster;
    const seat = new Map(cluster.seats.map((_, i) => [cluster.operatorOf(i), i]));
    network.reaches = (a, b) => {
      const [from, to] = [seat.get(a) ?? -1, seat.get(b) ?? -1];
      return ![...this.#cuts].some((cut) => cut(from, to));
    };
    network.onSaid = (message) => this.#hear(message);
    cluster.onBlock(() => this.#tick());
  }

  get pending(): number {
    return this.#waiting.length;
  }

  #proves(provider: number, keeper: number): number | undefined {
    if (this.#leagues.get(provider)?.has(keeper) === true) return 16;
    const only = this.#selective.get(provider);
    if (this.#offline.has(provider) || (only !== undefined && !only.includes(keeper))) return undefined;
    return this.#held[provider];
  }

  #tick(): void {
    const block = this.#cluster.chain.head;
    for (const job of this.#later.filter((j) => j.block <= block)) job.run();
    this.#later.splice(0, this.#later.length, ...this.#later.filter((j) => j.block > block));
    for (const fault of this.#waiting) {
      if (fault.kind === "old-data" && fault.from <= block && !this.#backups.has(fault)) this.#backUp(fault);
    }
    const due = this.#waiting.filter((fault) => this.#isDue(fault, block));
    for (const fault of due) {
      this.#waiting.splice(this.#waiting.indexOf(fault), 1);
      this.#fire(fault, block);
    }
  }

  #isDue({ when }: Fault, block: number): boolean {
    if ("block" in when) return block >= when.block;
    const { settled } = this.#cluster.chain;
    if (when.phase === "settle") return settled.length >= when.settlement;
    return false;
  }

  /** A phase has come when its message is said; the fault strikes before it arrives anywhere. */
  #hear({ body }: Envelope): void {
    if (body.kind === "hello") return;
    const { chain, world } = this.#cluster;
    if (body.round.ts !== chain.tsAt(chain.head)) return;
    const due = this.#waiting.filter(
      ({ when }) =>
        "phase" in when &&
        when.phase !== "settle" &&
        when.settlement === chain.settled.length + 1 &&
        signOf[when.phase] === body.kind,
    );
    for (const fault of due) {
      this.#waiting.splice(this.#waiting.indexOf(fault), 1);
      world.after(0, () => this.#fire(fault, chain.head));
    }
  }

  /** The leader of the turn that the head is in, or of the first to come. */
  #leader(): number {
    const { chain, options } = this.#cluster;
    const { committee, ts } = chain.snapshot(chain.head);
    const operators = committee.members.map(({ operator }) => operator);
    const turn = Math.max(1, turnAt(chain.head, ts, options.params));
    const index = leaderOf(turnOrder(ts, committee.seed, operators), turn);
    return chain.seatsOf(committee.version)[index] ?? index;
  }

  #backUp(fault: Fault & { readonly kind: "old-data" }): void {
    const keeper = fault.keeper === "leader" ? this.#leader() : fault.keeper;
    const store = this.#cluster.seats[keeper]?.store;
    if (store !== undefined) this.#backups.set(fault, store.backup());
  }

  #fire(fault: Fault, block: number): void {
    const keepers = this.#hit(fault);
    const entry: Fired = { fault, keepers, block, until: undefined };
    this.fired.push(entry);
    this.onChange();
    const over = (after: number | undefined, undo: () => void): void => {
      if (after === undefined) return;
      const end = (): void => {
        undo();
        entry.until = this.#cluster.chain.head;
        this.onChange();
      };
      this.#later.push({ block: block + after, run: end });
    };
    const [keeper = -1] = keepers;
    this.#keeperFault(fault, keeper, entry, over);
    this.#worldFault(fault, over);
    this.#providerFault(fault, keeper, over);
    this.#payerFault(fault, keepers, over);
  }

  /** Keepers that a fault is about. */
  #hit(fault: Fault): number[] {
    if (fault.kind === "one-way") return [...new Set([...fault.from, ...fault.to])];
    if (fault.kind === "change-members") {
      return [fault.keeper, this.#cluster.options.committee + this.#newcomers++];
    }
    if (!("keeper" in fault)) return [];
    return [fault.keeper === "leader" ? this.#leader() : fault.keeper];
  }

  #keeperFault(
    fault: Fault,
    keeper: number,
    entry: Fired,
    over: (after: number | undefined, undo: () => void) => void,
  ): void {
    const cluster = this.#cluster;
    const seat = cluster.seats[keeper];
    if (seat === undefined) return;
    const start = (): void => cluster.start(keeper);
    if (fault.kind === "crash") {
      cluster.crash(keeper);
      return over(fault.forBlocks, start);
    }
    if (fault.kind === "restart") {
      cluster.crash(keeper);
      start();
      entry.until = cluster.chain.head;
      return;
    }
    if (fault.kind === "pause") {
      cluster.network.paused.add(cluster.operatorOf(keeper));
      return over(fault.forBlocks, () => cluster.network.paused.delete(cluster.operatorOf(keeper)));
    }
    if (fault.kind === "torn-write") {
      seat.store.onTorn = () => cluster.crash(keeper);
      seat.store.trouble = "torn";
      return over(fault.forBlocks, () => {
        seat.store.trouble = undefined;
        start();
      });
    }
    if (fault.kind === "disk-full") {
      seat.store.trouble = "full";
      return over(fault.forBlocks, () => {
        seat.store.trouble = undefined;
        start();
      });
    }
    if (fault.kind === "old-data") {
      cluster.crash(keeper);
      seat.store.restore(this.#backups.get(fault) ?? new Map());
      start();
      entry.until = cluster.chain.head;
      return;
    }
    if (fault.kind === "twin") {
      cluster.startTwin(keeper);
      // Both may have fallen silent: one is stopped, the other restarted, as its reason says.
      return over(fault.forBlocks, () => {
        cluster.stopTwin(keeper);
        cluster.crash(keeper);
        start();
      });
    }
    if (fault.kind === "rpc-stale" || fault.kind === "rpc-down" || fault.kind === "rpc-wrong-chain") {
      seat.endpoint = endpoints[fault.kind];
      seat.staleAt = cluster.chain.head - (fault.kind === "rpc-stale" ? (fault.behind ?? 0) : 0);
      return over(fault.forBlocks, () => (seat.endpoint = "well"));
    }
    if (fault.kind === "tx-stuck" || fault.kind === "tx-lost") {
      seat.transactions = fault.kind === "tx-lost" ? "lost" : "stuck";
      return over(fault.forBlocks, () => (seat.transactions = "mined"));
    }
    if (fault.kind === "byzantine" && fault.behaviour === "collude") {
      const { provider = 0 } = fault;
      const league = this.#leagues.get(provider) ?? new Set();
      this.#leagues.set(provider, league.add(keeper));
      return over(fault.forBlocks, () => league.delete(keeper));
    }
    if (fault.kind === "byzantine") {
      const lie = lieOf(fault);
      // One way to cheat at a time: the one before is over.
      const before = this.fired.findLast((f) => f !== entry && cheats(f, keeper));
      if (before !== undefined) before.until = cluster.chain.head;
      this.#behaviour.set(keeper, lie);
      return over(fault.forBlocks, () => {
        if (this.#behaviour.get(keeper) === lie) this.#behaviour.delete(keeper);
      });
    }
  }

  /** The wires as they are without faults, and with those that are in force, the latest last. */
  #blow(): void {
    const { network, options } = this.#cluster;
    network.conditions = Object.assign({}, options.network, ...this.#weather);
  }

  #worldFault(fault: Fault, over: (after: number | undefined, undo: () => void) => void): void {
    const { network, chain } = this.#cluster;
    const block = chain.head;
    const change = (conditions: Partial<NetworkOptions>, forBlocks: number): void => {
      this.#weather.add(conditions);
      this.#blow();
      over(forBlocks, () => {
        this.#weather.delete(conditions);
        this.#blow();
      });
    };
    const cut = (cuts: (a: number, b: number) => boolean, untilBlock: number): void => {
      this.#cuts.add(cuts);
      network.changed();
      over(Math.max(1, untilBlock - block), () => {
        this.#cuts.delete(cuts);
        network.changed();
      });
    };
    if (fault.kind === "partition") {
      const side = (k: number): number => fault.groups.findIndex((group) => group.includes(k));
      return cut((a, b) => side(a) !== side(b), fault.untilBlock);
    }
    if (fault.kind === "one-way") {
      return cut((a, b) => fault.from.includes(a) && fault.to.includes(b), fault.untilBlock);
    }
    if (fault.kind === "loss") {
      return change({ loss: fault.share }, fault.forBlocks);
    }
    if (fault.kind === "delay") {
      return change({ delayMs: fault.delayMs }, fault.forBlocks);
    }
    if (fault.kind === "duplicate") {
      return change({ duplicate: fault.share }, fault.forBlocks);
    }
    if (fault.kind === "gas-spike") {
      this.#cluster.gasSpike = true;
      return over(fault.forBlocks, () => (this.#cluster.gasSpike = false));
    }
    if (fault.kind === "reorg") {
      chain.reorg(Math.min(fault.depth, chain.head - this.#cluster.options.params.originBlock));
      return over(1, () => undefined);
    }
  }

  #providerFault(
    fault: Fault,
    keeper: number,
    over: (after: number | undefined, undo: () => void) => void,
  ): void {
    if (!("provider" in fault) || fault.kind === "byzantine") return;
    const { provider } = fault;
    if (fault.kind === "lose-data") {
      this.#held[provider] = Math.round(16 * (1 - fault.fraction));
      return;
    }
    if (fault.kind === "offline") {
      this.#offline.add(provider);
      return over(fault.forBlocks, () => this.#offline.delete(provider));
    }
    if (isSpoiling(fault)) {
      this.#spoiled.set(provider, fault.kind);
      return over(fault.forBlocks, () => this.#spoiled.delete(provider));
    }
    if (fault.kind === "selective") {
      this.#selective.set(provider, fault.keepers);
      return over(fault.forBlocks, () => this.#selective.delete(provider));
    }
    if (fault.kind === "withhold-list") {
      const withheld = this.#withheld.get(provider) ?? new Set();
      this.#withheld.set(provider, withheld.add(keeper));
      return over(fault.forBlocks, () => withheld.delete(keeper));
    }
    if (fault.kind === "return") {
      this.#held[provider] = 16;
      this.#offline.delete(provider);
      this.#spoiled.delete(provider);
      this.#selective.delete(provider);
      this.#withheld.delete(provider);
      return;
    }
  }

  #payerFault(
    fault: Fault,
    [keeper = -1, newcomer = -1]: readonly number[],
    over: (after: number | undefined, undo: () => void) => void,
  ): void {
    const { payer, chain } = this.#cluster;
    if (fault.kind === "under-funded") {
      payer.runShort();
      return over(fault.forBlocks, () => payer.hasMoney());
    }
    if (fault.kind === "change-data") payer.changeData(fault.provider, BigInt(fault.bytes));
    if (fault.kind === "remove-provider") payer.changeData(fault.provider, 0n);
    if (fault.kind === "terminate") payer.terminate();
    if (fault.kind === "change-members") {
      const seat = chain.at(chain.head).committee.members.indexOf(keeper);
      if (seat >= 0) payer.replaceKeeper(seat, newcomer);
    }
  }
}

const spoiling: ReadonlySet<string> = new Set<Spoiled>(["slow", "hang", "corrupt", "replay"]);

function isSpoiling(fault: Fault): fault is Fault & { readonly kind: Spoiled } {
  return spoiling.has(fault.kind);
}

const endpoints = { "rpc-stale": "stale", "rpc-down": "down", "rpc-wrong-chain": "wrong-chain" } as const;

/** Whether it still has a keeper's own words or questions changed. */
function cheats({ fault, keepers, until }: Fired, keeper: number): boolean {
  return (
    fault.kind === "byzantine" &&
    fault.behaviour !== "collude" &&
    until === undefined &&
    keepers.includes(keeper)
  );
}

type Byzantine = Fault & { readonly kind: "byzantine" };

/** A behaviour with what it was told, as a name. */
function lieOf(fault: Byzantine): string {
  const { behaviour, factor, messages, oneIn, victim } = fault;
  return JSON.stringify({ behaviour, factor, messages, oneIn, victim });
}

/** Everything that a keeper is to do wrong in a scenario. */
function liesOf(faults: readonly Fault[], keeper: number): ReadonlyMap<string, Behaviour> {
  const lies = new Map<string, Behaviour>();
  for (const fault of faults) {
    if (fault.kind !== "byzantine" || fault.behaviour === "collude") continue;
    if (fault.keeper === keeper || fault.keeper === "leader")
      lies.set(lieOf(fault), behaviours[fault.behaviour](fault));
  }
  return lies;
}
