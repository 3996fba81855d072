/** Options of the demo, and the limits of one machine. */
import type { ChainClient } from "../fleet/clients.ts";
import { usageError } from "../../cli/console/exit.ts";

export const faults = ["none", "leader-crash", "provider-loss", "all"] as const;
export type Fault = (typeof faults)[number];

export type DemoOptions = {
  keepers: number;
  providers: number;
  groups: number;
  settlements: number;
  fault: Fault;
  client: ChainClient;
  dataDir?: string;
  keepRunning?: true;
  json?: true;
};

/** Least time between two blocks. */
export const blockTime_ms = 300;
/** After this time the chain reports a daemon that has not finished its work for a block, and mines on without it. */
export const patience_ms = 30_000;

/** Each pair costs about 0.1 s of CPU in a slot; with more pairs two cores cannot answer in time. */
const maxPairs = 40;

/** @throws CliError (exit 2) if the machine could not keep up, with the reason */
export function refuseTooMuch({ keepers, providers }: { keepers: number; providers: number }): void {
  const pairs = keepers * providers;
  if (pairs <= maxPairs) return;
  throw usageError("too many challenges for one machine", {
    expected: `keepers × providers of at most ${maxPairs}: every keeper challenges every provider once a slot`,
    actual: `${keepers} × ${providers} = ${pairs}`,
    hint: "use fewer providers or keepers",
  });
}
