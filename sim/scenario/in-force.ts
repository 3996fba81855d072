/** Faults that are in force in a cluster now, and the answers that they give to the cluster's hooks. */
import { changing } from "../byzantine/changing.ts";
import { behaviours } from "../byzantine/behaviours.ts";
import type { Behaviour } from "../byzantine/behaviours.ts";
import type { Cluster } from "../cluster.ts";
import type { NetworkOptions } from "../network/network.ts";
import type { Spoiled } from "../providers/providers.ts";
import type { Fault } from "./schema.ts";
import type { FaultOf } from "./strike.ts";

/** Leaves that the audit of an answer draws; a provider without a fault proves all of them. */
const allLeaves = 16;

/** Whether messages from keeper `from` to keeper `to` are cut off. */
export type Cut = (from: number, to: number) => boolean;

export class InForce {
  readonly #cluster: Cluster;
  /** Name of the behaviour that each Byzantine keeper follows now. */
  readonly behaviour = new Map<number, string>();
  /** Of 16 leaves, how many each provider still holds. */
  readonly held: number[];
  readonly offline = new Set<number>();
  readonly spoiled = new Map<number, Spoiled>();
  /** Keepers that a provider colludes with. */
  readonly colluding = new Map<number, Set<number>>();
  /** Keepers that a selective provider answers. */
  readonly selective = new Map<number, readonly number[]>();
  /** Keepers to which a provider gives no piece list. */
  readonly withheld = new Map<number, Set<number>>();
  readonly #conditions = new Set<Partial<NetworkOptions>>();
  readonly #cuts = new Set<Cut>();

  constructor(cluster: Cluster, faults: readonly Fault[]) {
    this.#cluster = cluster;
    this.held = cluster.options.providers.map(() => allLeaves);
    const honest = cluster.decorate;
    cluster.decorate = (ports, keeper) => {
      const known = honest(ports, keeper);
      const lies = liesOf(faults, keeper);
      return lies.size === 0 ? known : changing(lies, () => this.behaviour.get(keeper) ?? "")(known);
    };
    cluster.proves = (provider, keeper) => this.#proves(provider, keeper);
    cluster.spoils = (provider) => this.spoiled.get(provider);
    cluster.servesList = (provider, keeper) => this.withheld.get(provider)?.has(keeper) !== true;
    cluster.onFatal = (keeper) => cluster.crash(keeper);
    const seat = new Map(cluster.seats.map((_, i) => [cluster.operatorOf(i), i]));
    cluster.network.reaches = (a, b) => {
      const [from, to] = [seat.get(a) ?? -1, seat.get(b) ?? -1];
      return ![...this.#cuts].some((cut) => cut(from, to));
    };
  }

  #proves(provider: number, keeper: number): number | undefined {
    if (this.colluding.get(provider)?.has(keeper) === true) return allLeaves;
    const only = this.selective.get(provider);
    if (this.offline.has(provider) || (only !== undefined && !only.includes(keeper))) return undefined;
    return this.held[provider];
  }

  loseData(provider: number, fraction: number): void {
    this.held[provider] = Math.round(allLeaves * (1 - fraction));
  }

  /** The provider holds all its data again, and has no other fault. */
  repair(provider: number): void {
    this.held[provider] = allLeaves;
    this.offline.delete(provider);
    this.spoiled.delete(provider);
    this.selective.delete(provider);
    this.withheld.delete(provider);
  }

  /** Changes the conditions of the network. @returns the function that ends the change */
  change(conditions: Partial<NetworkOptions>): () => void {
    this.#conditions.add(conditions);
    this.#applyConditions();
    return () => {
      this.#conditions.delete(conditions);
      this.#applyConditions();
    };
  }

  /** The scenario's own conditions, overridden by those of faults in force; the latest fault wins. */
  #applyConditions(): void {
    const { network, options } = this.#cluster;
    network.conditions = Object.assign({}, options.network, ...this.#conditions);
  }

  /** Cuts connections between keepers. @returns the function that restores them */
  cut(cut: Cut): () => void {
    const { network } = this.#cluster;
    this.#cuts.add(cut);
    network.changed();
    return () => {
      this.#cuts.delete(cut);
      network.changed();
    };
  }
}

/** The name of a behaviour with its parameters. */
export function behaviourName(fault: FaultOf<"byzantine">): string {
  const { behaviour, factor, messages, oneIn, victim } = fault;
  return JSON.stringify({ behaviour, factor, messages, oneIn, victim });
}

/** All behaviours that a keeper follows at some time of a scenario, by name. */
function liesOf(faults: readonly Fault[], keeper: number): ReadonlyMap<string, Behaviour> {
  const lies = new Map<string, Behaviour>();
  for (const fault of faults) {
    if (fault.kind !== "byzantine" || fault.behaviour === "collude") continue;
    if (fault.keeper === keeper || fault.keeper === "leader")
      lies.set(behaviourName(fault), behaviours[fault.behaviour](fault));
  }
  return lies;
}
