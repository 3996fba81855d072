/** What the commands of the simulator share: scenarios as they are named on the command line, and the words for a failure. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { usageError } from "../console/exit.ts";
import type { Command } from "commander";
import { choiceOption, integerOption } from "../console/options.ts";
import type { Reality } from "../../sim/cluster.ts";
import type { Scenario } from "../../sim/scenario/schema.ts";
import type { SimulationResult } from "../../sim/simulate.ts";

export function committees(text: string): number[] {
  const sizes = text.split(",").map(Number);
  if (!sizes.every((n) => Number.isSafeInteger(n) && n >= 4 && n <= 31 && n % 3 === 1)) {
    throw usageError("--keepers is not valid", {
      expected: "sizes 3f+1 from 4 to 31, as in 4,7,10",
      actual: text,
    });
  }
  return sizes;
}

export async function load(file: string): Promise<Scenario> {
  const { parseScenario, ScenarioError } = await import("../../sim/scenario/schema.ts");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw usageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      hint: "whitepay sim list names the scenarios that come along",
    });
  }
  try {
    return parseScenario(text, file);
  } catch (error) {
    if (error instanceof ScenarioError) throw usageError(error.message);
    throw error;
  }
}

/** What of the simulated worlds is real, as options say it. */
export type RealityOptions = { readonly crypto: RealOrCheap; readonly proofs: RealOrCheap };
type RealOrCheap = (typeof realOrCheap)[number];
const realOrCheap = ["cheap", "real"] as const;

export function withReality(command: Command): Command {
  return command
    .option("--crypto <kind>", "signatures: cheap | real", choiceOption("--crypto", realOrCheap), "cheap")
    .option(
      "--proofs <kind>",
      "providers that store and prove: cheap | real",
      choiceOption("--proofs", realOrCheap),
      "cheap",
    );
}

export async function realityOf({ crypto, proofs }: RealityOptions): Promise<Reality> {
  if (crypto === "cheap") return { proofs };
  const { realSignatures } = await import("../../sim/real-signatures.ts");
  return { proofs, signatures: realSignatures() };
}

/** Providers that really store do so in memory. */
export async function assertStorable(scenario: Scenario, { proofs }: RealityOptions): Promise<void> {
  if (proofs === "cheap") return;
  const { maxRealBytes } = await import("../../sim/memory-pieces.ts");
  const { providerBytes } = await import("../../sim/scenario/schema.ts");
  const changed = scenario.faults.flatMap((fault) => (fault.kind === "change-data" ? [fault.bytes] : []));
  const largest = Math.max(...providerBytes(scenario), ...changed);
  if (largest <= maxRealBytes) return;
  throw usageError("a provider of this scenario is too large for --proofs real", {
    expected: `at most ${maxRealBytes} bytes`,
    actual: String(largest),
    hint: "play it with --proofs cheap",
  });
}

/** The options that differ from those in force by default, to be typed again. */
export function realityWords({ crypto, proofs }: RealityOptions): string {
  return (crypto === "real" ? " --crypto real" : "") + (proofs === "real" ? " --proofs real" : "");
}

/** A run to play again: of a file with a seed of its own, or of the random scenario that a seed makes. */
export type Play = { readonly scenario: Scenario; readonly seed: number; readonly again: string };

export type PlayOptions = { readonly seed: number; readonly keepers: readonly number[] };

/** `what` is a file or the seed of a random scenario; `again` names the same run on the command line. */
export async function playOf(what: string, { seed, keepers }: PlayOptions): Promise<Play> {
  if (!/^\d+$/.test(what)) return { scenario: await load(what), seed, again: `${what} --seed ${seed}` };
  const { randomScenario } = await import("../../sim/scenario/random.ts");
  const drawn = integerOption("the seed")(what);
  const again = `${drawn} --keepers ${keepers.join()}`;
  return { scenario: randomScenario(drawn, keepers), seed: drawn, again };
}

export function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      cwd: import.meta.dirname,
      encoding: "utf8",
    }).trim();
  } catch {
    return "unknown";
  }
}

export function summary(
  { name, seed, settled, intervals, faults }: SimulationResult,
  holds: boolean,
): string {
  const struck = Object.entries(faults).map(([kind, count]) => `${count} ${kind}`);
  const what = struck.length === 0 ? "no faults" : struck.join(", ");
  return `${holds ? "holds" : "FAILS"}  ${name} (seed ${seed}): ${settled} of ${intervals} intervals settled; ${what}`;
}
