/** Plays a scenario from a seed: the same seed gives the same run, to the last byte of its trace, everywhere. */
import { keccakText } from "../../keeper/core/hash.ts";
import { checkers } from "./checkers/index.ts";
import type { Violation } from "./checkers/checker.ts";
import { Cluster, defaultParams } from "./cluster.ts";
import { Injector } from "./scenario/inject.ts";
import { providerBytes } from "./scenario/schema.ts";
import type { Scenario } from "./scenario/schema.ts";

export type SimulationResult = {
  readonly name: string;
  readonly seed: number;
  readonly settled: number;
  /** Intervals that the scenario asked for. */
  readonly intervals: number;
  readonly violations: readonly Violation[];
  /** Faults that fired, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly traceHash: string;
  /** The run in words, one line an event. */
  readonly trace: readonly string[];
};

/** Turns beyond the settlements asked for, before a run that settles nothing is given up. */
const spareTurns = 12;

export async function simulate(scenario: Scenario, seed: number): Promise<SimulationResult> {
  const { committee, params, settlements, blockMs, network } = scenario;
  const lockup = params.interval + ((committee - 1) / 3 + 1) * params.turn;
  const cluster = new Cluster({
    seed,
    committee,
    providers: providerBytes(scenario),
    params: { ...defaultParams, ...params, lockup },
    network,
    blockMs,
    storeLatencyMs: 1,
  });
  const trace: string[] = [];
  const injector = new Injector(cluster, scenario);
  record(cluster, injector, trace);
  for (let i = 0; i < committee; i++) cluster.start(i);
  const last = settlements * (params.interval + params.turn) + spareTurns * params.turn;
  // What the last settlement leads to is seen by everybody before the end.
  const enough = (): boolean =>
    cluster.chain.settled.length >= settlements &&
    injector.pending === 0 &&
    cluster.chain.tsAt(cluster.chain.head - params.confirmations - 1) ===
      cluster.chain.tsAt(cluster.chain.head);
  while (!enough() && cluster.chain.head < last) await cluster.run(1);
  const violations = checkers.flatMap((c) => c.check({ scenario, cluster, fired: injector.fired }));
  const faults: Record<string, number> = {};
  for (const { fault } of injector.fired) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
  const settled = cluster.chain.settled.length;
  for (const { checker, block, text } of violations)
    trace.push(`block ${block}: VIOLATION of ${checker}: ${text}`);
  const traceHash = keccakText(trace.join("\n"));
  return { name: scenario.name, seed, settled, intervals: settlements, violations, faults, traceHash, trace };
}

function record(cluster: Cluster, injector: Injector, trace: string[]): void {
  let heard = 0;
  let fired = 0;
  let settled = 0;
  let reasons = 0;
  cluster.onBlock((block) => {
    for (; fired < injector.fired.length; fired++) {
      const { fault, keepers } = injector.fired[fired] as (typeof injector.fired)[number];
      trace.push(
        `block ${block}: fault ${fault.kind}${keepers.length > 0 ? ` at keeper ${keepers.join()}` : ""}`,
      );
    }
    for (const { keeper, body } of cluster.network.heard.slice(heard)) {
      if (body.kind === "hello") continue;
      const { ts, turn, attempt } = body.round;
      trace.push(
        `block ${block}: keeper ${keeper} says ${body.kind} (ts ${ts}, turn ${turn}, attempt ${attempt})`,
      );
    }
    heard = cluster.network.heard.length;
    for (const { keeper, code, detail } of cluster.reasons.slice(reasons)) {
      trace.push(`block ${block}: keeper ${keeper} notes ${code}: ${detail}`);
    }
    reasons = cluster.reasons.length;
    for (; settled < cluster.chain.settled.length; settled++) {
      const one = cluster.chain.settled[settled];
      if (one === undefined) break;
      const { ts, te, leader, failed, payees } = one.settlement;
      trace.push(`block ${block}: settled ${ts}-${te}, led by ${leader}, failed ${failed}, payees ${payees}`);
    }
    settled = Math.min(settled, cluster.chain.settled.length);
  });
}
