/** The effect of a fault on a cluster: one function for each kind. */
import type { Cluster } from "../cluster.ts";
import type { InForce } from "./in-force.ts";
import { keeperStrikes } from "./keeper-faults.ts";
import { networkStrikes } from "./network-faults.ts";
import { payerStrikes } from "./payer-faults.ts";
import { providerStrikes } from "./provider-faults.ts";
import type { Fault, FaultKind } from "./schema.ts";

/** A fault that fired. `until` is the block at which its cause was gone, undefined while it lasts. */
export type Fired = {
  readonly fault: Fault;
  /** Keepers that it hit; empty: the network or the chain of all. */
  readonly keepers: readonly number[];
  readonly block: number;
  until: number | undefined;
};

/** The arguments that every fault takes. */
export type Scene = {
  readonly cluster: Cluster;
  readonly inForce: InForce;
  /** This fault, and all that fired so far, this one included. */
  readonly entry: Fired;
  readonly fired: readonly Fired[];
  /** The backup that was made for this fault (`old-data`). */
  readonly backup: ReturnType<Cluster["seats"][number]["store"]["backup"]> | undefined;
  /** Ends the fault after so many blocks; undefined: it lasts. */
  readonly endAfter: (blocks: number | undefined, undo: () => void) => void;
};

export type FaultOf<K extends FaultKind> = Extract<Fault, { readonly kind: K }>;

/** Functions that make faults of these kinds happen. */
export type Strikes<K extends FaultKind> = {
  readonly [Kind in K]: (fault: FaultOf<Kind>, scene: Scene) => void;
};

const strikes: Strikes<FaultKind> = {
  ...keeperStrikes,
  ...networkStrikes,
  ...providerStrikes,
  ...payerStrikes,
};

export function strike<K extends FaultKind>(fault: FaultOf<K>, scene: Scene): void {
  const run: Strikes<FaultKind>[K] = strikes[fault.kind];
  run(fault, scene);
}
