/** Whether a run passes: no more violations than the scenario allows, and its expectations hold. */
import type { Violation } from "./checkers/checker.ts";
import type { Scenario } from "./scenario/schema.ts";
import type { SimulationResult } from "./simulate.ts";

/** Name of a failed expectation, where violations have the name of a checker. */
const expectation = "expected";

/** Failures of the run; empty if it passes. */
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
