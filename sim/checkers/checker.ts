/** Types of checkers: each tests a rule on what the world recorded of a run, never on what a keeper reports about itself. */
import type { Envelope } from "../../protocol/codec/message.ts";
import { chainId } from "../chain/chain-model.ts";
import { addressOfCommittee, indexOfAddress } from "../chain/snapshots.ts";
import type { Cluster } from "../cluster.ts";
import type { Fired } from "../scenario/strike.ts";
import type { Fault, Scenario } from "../scenario/schema.ts";

export type Violation = { readonly checker: string; readonly block: number; readonly text: string };

export type Run = {
  readonly scenario: Scenario;
  readonly cluster: Cluster;
  readonly fired: readonly Fired[];
};

export type Checker = {
  readonly name: string;
  /** Checks the whole run after its end. */
  readonly check?: (run: Run) => Violation[];
  /** Checks once a slot while the run goes on. */
  readonly watch?: (run: Run) => Violation[];
};

/** Faults that excuse no lapsed turn and no loss of another party (L3): those of a provider or the payer, and `duplicate`. */
export const harmless: ReadonlySet<Fault["kind"]> = new Set([
  "lose-data",
  "offline",
  "slow",
  "hang",
  "corrupt",
  "replay",
  "selective",
  "withhold-list",
  "return",
  "under-funded",
  "shortage",
  "change-data",
  "remove-provider",
  "change-members",
  "handover",
  "terminate",
  "join",
  "move",
  "release",
  "duplicate",
]);

/** Keepers that were Byzantine at some time: checkers do not judge what these sign and claim. */
export function liars({ fired }: Run): ReadonlySet<number> {
  return new Set(fired.flatMap((f) => (f.fault.kind === "byzantine" ? f.keepers : [])));
}

/** Whether a fault was in force at some block of [from, to), or ended less than `settling` blocks before. */
export function during({ block, until }: Fired, from: number, to: number, settling: number): boolean {
  return block < to && (until === undefined || until + settling > from);
}

/** The keeper in a seat of a committee's version. */
export function keeperIn({ cluster }: Run, committee: number, version: number, seat: number): number {
  return cluster.chain.seatsOf(committee, version)[seat] ?? -1;
}

/** The committee to which a message is addressed, by index; −1: none of this chain. */
export function committeeOf({ cluster }: Run, message: Pick<Envelope, "chainId" | "committee">): number {
  if (message.chainId !== chainId) return -1;
  const index = indexOfAddress(message.committee);
  return index < cluster.chain.committees && addressOfCommittee(index) === message.committee ? index : -1;
}

/** A signature on a certificate that a keeper published in its own name. */
export type Partial = {
  readonly committee: number;
  readonly keeper: number;
  /** Name of the process that published it. */
  readonly process: string;
  readonly ts: number;
  readonly turn: number;
  readonly digest: string;
  readonly at_ms: number;
};

export function partialsOf(run: Run): Partial[] {
  const { cluster } = run;
  return cluster.network.heard.flatMap(({ message, from, process, at_ms }) => {
    const { body, version, keeper: seat } = message;
    if (body.kind !== "partial") return [];
    const committee = committeeOf(run, message);
    if (committee < 0) return [];
    const keeper = keeperIn(run, committee, version, seat);
    if (keeper < 0 || cluster.operatorOf(keeper) !== from) return [];
    const { ts, turn } = body.round;
    return [{ committee, keeper, process, ts, turn, digest: body.digest, at_ms }];
  });
}
