/** Plays a scenario from a seed. The same seed gives the same run on every machine, to the last byte of its trace. */
import { keccakText } from "../protocol/hash.ts";
import { Breaks } from "./checkers/throws.ts";
import { checkers } from "./checkers/index.ts";
import type { Run, Violation } from "./checkers/checker.ts";
import { Cluster, defaultParams, defaultTerms } from "./cluster.ts";
import type { Reality } from "./cluster.ts";
import { Injector } from "./scenario/inject.ts";
import { lockupOf, providerBytes, spares } from "./scenario/schema.ts";
import type { Scenario } from "./scenario/schema.ts";
import type { RunEvent } from "./trace/events.ts";
import { Recorder } from "./trace/recorder.ts";
import { traceOf } from "./trace/text.ts";

export type SimulationResult = {
  readonly name: string;
  readonly seed: number;
  /** Settled intervals of all groups. */
  readonly settled: number;
  /** Intervals of the first committee that the scenario asked for. */
  readonly intervals: number;
  readonly violations: readonly Violation[];
  /** Faults that fired, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** All events in order, from which trace and timeline are made. */
  readonly events: readonly RunEvent[];
  /** The run as text, one line for each event; made when it is read. */
  readonly trace: readonly string[];
  readonly traceHash: string;
};

/** Turns beyond the requested settlements after which a run ends that settles nothing. */
const spareTurns = 12;

/** Keeps the first violation of each checker that runs once a slot. */
function watch(run: Run, found: Map<string, Violation>): void {
  for (const checker of checkers) {
    const first = found.has(checker.name) ? undefined : checker.watch?.(run)[0];
    if (first !== undefined) found.set(checker.name, first);
  }
}

/** Whether the first committee has had nothing to certify for more than an interval and a turn. */
function rests({ chain, options }: Cluster): boolean {
  const { idle, ts } = chain.committeeAt(0);
  return idle && chain.head > ts + options.params.interval + options.params.turn;
}

export async function simulate(
  scenario: Scenario,
  seed: number,
  reality: Reality = {},
): Promise<SimulationResult> {
  const { committee, params, settlements, blockMs, network } = scenario;
  const cluster = new Cluster({
    ...reality,
    seed,
    committee,
    committees: scenario.committees,
    groups: scenario.groups,
    spares: spares(scenario),
    providers: providerBytes(scenario),
    params: { ...defaultParams, ...params },
    terms: { ...defaultTerms, lockup: lockupOf(scenario) },
    network,
    blockMs,
    storeLatencyMs: 1,
  });
  const injector = new Injector(cluster, scenario);
  const recorder = new Recorder(cluster, injector);
  const breaks = new Breaks(cluster);
  cluster.seats.forEach((_, i) => cluster.start(i));
  const last = settlements * (params.interval + params.turn) + spareTurns * params.turn;
  const { chain } = cluster;
  const isShown = (committee: number): boolean =>
    chain.tsAt(committee, chain.head - params.confirmations - 1) === chain.tsAt(committee, chain.head);
  // The run ends only when all keepers can see the last certificates and every certified group is settled.
  const enough = (): boolean =>
    (chain.certifiedOf(0).length >= settlements || rests(cluster)) &&
    injector.pending === 0 &&
    Array.from({ length: chain.committees }, (_, i) => i).every(isShown);
  const run: Run = { scenario, cluster, fired: injector.fired };
  const watched = new Map<string, Violation>();
  cluster.onBlock((block) => {
    if (block % params.slot === 0) watch(run, watched);
  });
  await breaks.guard(async () => {
    while (!enough() && cluster.chain.head < last) await cluster.run(1);
  });
  watch(run, watched);
  const checked = checkers.flatMap((c) => c.check?.(run) ?? []);
  const violations = [...breaks.found, ...watched.values(), ...checked];
  const faults: Record<string, number> = {};
  for (const { fault } of injector.fired) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
  const settled = cluster.chain.settled.length;
  recorder.end(violations);
  const { events } = recorder;
  return {
    name: scenario.name,
    seed,
    settled,
    intervals: settlements,
    violations,
    faults,
    events,
    get trace() {
      return traceOf(events);
    },
    get traceHash() {
      return keccakText(traceOf(events).join("\n"));
    },
  };
}
