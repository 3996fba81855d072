/**
 * Reduces a failing scenario to a smaller one with the same failure: first the list of faults by delta debugging (ddmin of Zeller and
 * Hildebrandt), then all other fields, until no further step keeps the failure.
 */
import type { Violation } from "../checkers/checker.ts";
import type { Reality } from "../cluster.ts";
import { parseScenario, ScenarioError } from "../scenario/schema.ts";
import type { Fault, Scenario } from "../scenario/schema.ts";
import { writeScenario } from "../scenario/write.ts";
import { simulate } from "../simulate.ts";
import { failuresOf } from "../verdict.ts";
import { simpler } from "./simpler.ts";

export type ShrinkOptions = {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly reality?: Reality | undefined;
  /** Runs after which it stops, with the smallest so far. */
  readonly maxRuns: number;
  readonly onRun?: (runs: number, faults: number) => void;
};

export type Shrunk = {
  readonly scenario: Scenario;
  /** The scenario as a file; it is this text that fails. */
  readonly text: string;
  readonly failure: Violation;
  readonly runs: number;
  /** No step is left that keeps the failure; false: the runs were used up. */
  readonly smallest: boolean;
};

class OutOfRuns extends Error {}

class Shrinker {
  readonly #options: ShrinkOptions;
  readonly #tried = new Set<string>();
  runs = 0;
  best: { readonly scenario: Scenario; readonly text: string; readonly failure: Violation };

  constructor(options: ShrinkOptions, failure: Violation) {
    this.#options = options;
    const { scenario } = options;
    this.best = { scenario, text: writeScenario(scenario), failure };
  }

  /** Takes the candidate if it fails by the same checker. */
  async try(candidate: Scenario): Promise<boolean> {
    const { seed, reality, maxRuns, onRun } = this.#options;
    const text = writeScenario(candidate);
    if (this.#tried.has(text)) return false;
    this.#tried.add(text);
    const scenario = parsed(text);
    if (scenario === undefined) return false;
    if (this.runs >= maxRuns) throw new OutOfRuns();
    this.runs++;
    const failures = failuresOf(scenario, await simulate(scenario, seed, reality));
    const failure = failures.find(({ checker }) => checker === this.best.failure.checker);
    if (failure !== undefined) this.best = { scenario, text, failure };
    onRun?.(this.runs, this.best.scenario.faults.length);
    return failure !== undefined;
  }

  /** ddmin: a part of the list, or the list without a part, in ever finer parts. */
  async fewerFaults(): Promise<void> {
    const without = (faults: readonly Fault[]): Promise<boolean> =>
      this.try({ ...this.best.scenario, faults: [...faults] });
    if (this.best.scenario.faults.length > 0 && (await without([]))) return;
    for (let parts = 2; this.best.scenario.faults.length >= 2;) {
      const faults = this.best.scenario.faults;
      const size = Math.ceil(faults.length / parts);
      const chunks = Array.from({ length: Math.ceil(faults.length / size) }, (_, i) =>
        faults.slice(i * size, (i + 1) * size),
      );
      if (await this.#first(chunks, without)) parts = 2;
      else if (
        await this.#first(
          chunks.map((chunk) => faults.filter((f) => !chunk.includes(f))),
          without,
        )
      )
        parts = Math.max(parts - 1, 2);
      else if (size === 1) return;
      else parts = Math.min(parts * 2, faults.length);
    }
  }

  async #first(
    lists: readonly Fault[][],
    test: (faults: readonly Fault[]) => Promise<boolean>,
  ): Promise<boolean> {
    for (const list of lists) if (await test(list)) return true;
    return false;
  }

  /** One simpler step at a time, until none keeps the failure. */
  async everythingElse(): Promise<void> {
    for (let found = true; found;) {
      found = false;
      for (const candidate of simpler(this.best.scenario)) {
        found = await this.try(candidate);
        if (found) break;
      }
    }
  }
}

function parsed(text: string): Scenario | undefined {
  try {
    return parseScenario(text, "scenario");
  } catch (error) {
    if (error instanceof ScenarioError) return undefined;
    throw error;
  }
}

/** Undefined if the run does not fail at all. */
export async function shrink(options: ShrinkOptions): Promise<Shrunk | undefined> {
  const { scenario, seed, reality } = options;
  const [failure] = failuresOf(scenario, await simulate(scenario, seed, reality));
  if (failure === undefined) return undefined;
  const shrinker = new Shrinker(options, failure);
  shrinker.runs = 1;
  let smallest = true;
  try {
    await shrinker.fewerFaults();
    await shrinker.everythingElse();
    // A simpler scenario may need fewer faults.
    await shrinker.fewerFaults();
  } catch (error) {
    if (!(error instanceof OutOfRuns)) throw error;
    smallest = false;
  }
  return { ...shrinker.best, runs: shrinker.runs, smallest };
}
