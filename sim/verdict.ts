/** Whether a run is as it should be: no checker complains of more than the scenario allows, and what it expects came true. */
import type { Violation } from "./checkers/checker.ts";
import type { Scenario } from "./scenario/schema.ts";
import type { SimulationResult } from "./simulate.ts";

/** The scenario's own expectation, beside the checkers' names. */
export const expectation = "expected";

/** What is wrong; empty if all is well. */
export function failuresOf({ expect }: Scenario, result: SimulationResult): Violation[] {
  const found = result.violations.length <= expect.violations ? [] : [...result.violations];
  if (expect.settled !== undefined && result.settled < expect.settled) {
    const block = result.events.at(-1)?.block ?? 0;
    const text = `settled: expected ${expect.settled}, actual ${result.settled}`;
    found.push({ checker: expectation, block, text });
  }
  return found;
}

export function inWords({ checker, block, text }: Violation): string {
  return `${checker} at block ${block}: ${text}`;
}
