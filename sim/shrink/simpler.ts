/** Simpler versions of a scenario. Each is smaller than the scenario, so repeated steps end. */
import type { Fault, Scenario } from "../scenario/schema.ts";

type Values = Readonly<Record<string, unknown>>;

/** Scenarios that are simpler than this one in one respect, the largest steps first; some may be invalid. */
export function* simpler(scenario: Scenario): Generator<Scenario> {
  yield* network(scenario);
  for (const settlements of fewer(scenario.settlements)) {
    const { settled, violations } = scenario.expect;
    const expect =
      settled === undefined ? { violations } : { settled: Math.min(settled, settlements), violations };
    yield { ...scenario, settlements, expect };
  }
  if (scenario.committee > 4) yield { ...scenario, committee: 4 };
  const { providers } = scenario;
  const count = typeof providers === "number" ? providers : providers.length;
  if (typeof providers !== "number") yield { ...scenario, providers: count };
  for (const some of fewer(count)) {
    yield { ...scenario, providers: typeof providers === "number" ? some : providers.slice(0, some) };
  }
  const [low, high] = scenario.blockMs;
  if (low !== high) yield { ...scenario, blockMs: [high, high] };
  yield* earlier(scenario);
  for (const [i, fault] of scenario.faults.entries()) {
    for (const other of simplerFaults(fault)) {
      yield { ...scenario, faults: scenario.faults.map((same, k) => (k === i ? other : same)) };
    }
  }
}

/** No noise at all, or one kind of it less. */
function* network(scenario: Scenario): Generator<Scenario> {
  const now: Values = scenario.network;
  const [, high] = scenario.network.delayMs;
  const still = { loss: 0, duplicate: 0, reorder: false, delayMs: [high, high] as [number, number] };
  const noisy = Object.entries(still).filter(([key, value]) => String(now[key]) !== String(value));
  if (noisy.length > 1) yield { ...scenario, network: { ...scenario.network, ...still } };
  for (const [key, value] of noisy) {
    yield { ...scenario, network: { ...scenario.network, [key]: value } };
  }
}

/** Smaller counts: one at once, then as much less as can be: half, a quarter, … one. */
function fewer(count: number): number[] {
  const found = new Set([1]);
  for (let less = count / 2; less >= 0.5; less /= 2) found.add(count - Math.ceil(less));
  return [...found].filter((some) => some >= 1 && some < count);
}

/** All faults that strike at a block strike as many whole intervals earlier as the first of them can. */
function* earlier(scenario: Scenario): Generator<Scenario> {
  const blocks = scenario.faults.flatMap(({ when }) => ("block" in when ? [when.block] : []));
  const { interval } = scenario.params;
  const spare = Math.floor((Math.min(...blocks) - 1) / interval) * interval;
  if (blocks.length === 0 || spare <= 0) return;
  const move = (values: Values, key: string): Values =>
    typeof values[key] === "number" ? { ...values, [key]: values[key] - spare } : values;
  const faults = scenario.faults.map((fault) => {
    const when = move(fault.when, "block");
    return ["untilBlock", "from"].reduce<Values>(move, { ...fault, when }) as Fault;
  });
  yield { ...scenario, faults };
}

function* simplerFaults(fault: Fault): Generator<Fault> {
  const values: Values = fault;
  if ("settlement" in fault.when) {
    for (const settlement of fewer(fault.when.settlement)) {
      yield { ...fault, when: { ...fault.when, settlement } };
    }
  }
  for (const key of ["forBlocks", "depth", "messages"]) {
    const value = values[key];
    if (typeof value === "number") for (const some of fewer(value)) yield { ...fault, [key]: some };
  }
  if ("untilBlock" in fault && "block" in fault.when) {
    const { block } = fault.when;
    for (const some of fewer(fault.untilBlock - block)) yield { ...fault, untilBlock: block + some };
  }
  if (fault.kind === "delay" && fault.delayMs[0] !== fault.delayMs[1]) {
    yield { ...fault, delayMs: [fault.delayMs[1], fault.delayMs[1]] };
  }
  for (const key of ["share", "fraction"]) {
    if (typeof values[key] === "number" && values[key] < 1) yield { ...fault, [key]: 1 };
  }
}
