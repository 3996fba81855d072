/** Plays a scenario from a seed: the same seed gives the same run, to the last byte of its trace, everywhere. */
import { keccakText } from "../protocol/hash.ts";
import { Breaks } from "./checkers/throws.ts";
import { checkers } from "./checkers/index.ts";
import type { Run, Violation } from "./checkers/checker.ts";
import { Cluster, defaultParams } from "./cluster.ts";
import type { Reality } from "./cluster.ts";
import { Injector } from "./scenario/inject.ts";
import { groupParams, providerBytes, spares } from "./scenario/schema.ts";
import type { Scenario } from "./scenario/schema.ts";
import type { RunEvent } from "./trace/events.ts";
import { Recorder } from "./trace/recorder.ts";
import { traceOf } from "./trace/text.ts";

export type SimulationResult = {
  readonly name: string;
  readonly seed: number;
  readonly settled: number;
  /** Intervals that the scenario asked for. */
  readonly intervals: number;
  readonly violations: readonly Violation[];
  /** Faults that fired, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** What happened, in order: the trace and the timeline are made of it. */
  readonly events: readonly RunEvent[];
  /** The run in words, one line an event; put into words when it is asked for. */
  readonly trace: readonly string[];
  readonly traceHash: string;
};

/** Turns beyond the settlements asked for, before a run that settles nothing is given up. */
const spareTurns = 12;

/** What goes wrong and stays wrong is told once by each checker. */
function watch(run: Run, found: Map<string, Violation>): void {
  for (const checker of checkers) {
    const first = found.has(checker.name) ? undefined : checker.watch?.(run)[0];
    if (first !== undefined) found.set(checker.name, first);
  }
}

/** The group has ended, and for a whole turn of an interval more nothing came of it. */
function rests({ chain, options }: Cluster): boolean {
  const { ended, ts } = chain.at(chain.head);
  return ended && chain.head > ts + options.params.interval + options.params.turn;
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
    spares: spares(scenario),
    providers: providerBytes(scenario),
    params: { ...defaultParams, ...groupParams(scenario) },
    network,
    blockMs,
    storeLatencyMs: 1,
  });
  const injector = new Injector(cluster, scenario);
  const recorder = new Recorder(cluster, injector);
  const breaks = new Breaks(cluster);
  cluster.seats.forEach((_, i) => cluster.start(i));
  const last = settlements * (params.interval + params.turn) + spareTurns * params.turn;
  // What the last settlement leads to is seen by everybody before the end.
  const enough = (): boolean =>
    (cluster.chain.settled.length >= settlements || rests(cluster)) &&
    injector.pending === 0 &&
    cluster.chain.tsAt(cluster.chain.head - params.confirmations - 1) ===
      cluster.chain.tsAt(cluster.chain.head);
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
