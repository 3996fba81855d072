/** Shared by the simulator's commands: loading a scenario, options, and the text of a result. */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { usageError } from "../console/exit.ts";
import type { Command } from "commander";
import { choiceOption, integerOption, quote } from "../console/options.ts";
import { nearest } from "../../daemon/settings/known-keys.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import type { Reality } from "../../sim/cluster.ts";
import type { Scenario } from "../../sim/scenario/schema.ts";
import type { SimulationResult } from "../../sim/simulate.ts";
import { counted } from "../../protocol/counted.ts";

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

const library = fileURLToPath(new URL("../../sim/scenarios", import.meta.url));

/** Names of the scenarios in sim/scenarios, sorted. */
export function scenarioNames(): string[] {
  return globSync("*.yaml", { cwd: library })
    .map((file) => basename(file, ".yaml"))
    .sort();
}

/** Text of the named scenario, or of the file at a path. A name takes precedence over a file of the same name. */
async function readScenario(nameOrPath: string): Promise<{ readonly file: string; readonly text: string }> {
  const names = scenarioNames();
  const file = names.includes(nameOrPath) ? join(library, `${nameOrPath}.yaml`) : nameOrPath;
  try {
    return { file, text: await readFile(file, "utf8") };
  } catch (error) {
    const near = nearest(nameOrPath, names);
    throw usageError(`there is no scenario ${quote(nameOrPath)}: ${whyNot(error)}`, {
      expected: "a name that `whitepay sim list` prints, or the path of a YAML file",
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    });
  }
}

/** @throws CliError exit 2 if there is no such scenario, or it is not valid */
export async function load(nameOrPath: string): Promise<Scenario> {
  const { parseScenario, ScenarioError } = await import("../../sim/scenario/schema.ts");
  const { file, text } = await readScenario(nameOrPath);
  try {
    return parseScenario(text, file);
  } catch (error) {
    if (error instanceof ScenarioError) throw usageError(error.message);
    throw error;
  }
}

/** Which parts of the simulated world are real. */
export type RealityOptions = { readonly crypto: RealOrCheap; readonly proofs: RealOrCheap };
type RealOrCheap = (typeof realOrCheap)[number];
const realOrCheap = ["cheap", "real"] as const;

export function withReality(command: Command): Command {
  return command
    .option(
      "--crypto <kind>",
      "signatures: cheap (simulated) | real (BLS)",
      choiceOption("--crypto", realOrCheap),
      "cheap",
    )
    .option(
      "--proofs <kind>",
      "providers: cheap (simulated) | real (they store and prove data)",
      choiceOption("--proofs", realOrCheap),
      "cheap",
    );
}

export async function realityOf({ crypto, proofs }: RealityOptions): Promise<Reality> {
  if (crypto === "cheap") return { proofs };
  const { realSignatures } = await import("../../sim/signatures/real-signatures.ts");
  return { proofs, signatures: realSignatures() };
}

/** With real proofs, providers keep their data in memory. @throws CliError exit 2 if that is too much */
export async function assertStorable(scenario: Scenario, { proofs }: RealityOptions): Promise<void> {
  if (proofs === "cheap") return;
  const { maxRealBytes } = await import("../../sim/providers/memory-pieces.ts");
  const { providerBytes } = await import("../../sim/scenario/schema.ts");
  const changed = scenario.faults.flatMap((fault) => (fault.kind === "change-data" ? [fault.bytes] : []));
  const largest = Math.max(...providerBytes(scenario), ...changed);
  if (largest <= maxRealBytes) return;
  throw usageError("a provider of this scenario has too much data for --proofs real", {
    expected: `at most ${maxRealBytes} bytes`,
    actual: String(largest),
    hint: "use --proofs cheap",
  });
}

/** The options that differ from the defaults, as text for a command line. */
export function realityWords({ crypto, proofs }: RealityOptions): string {
  return (crypto === "real" ? " --crypto real" : "") + (proofs === "real" ? " --proofs real" : "");
}

/** One run: a scenario with a seed. `again` repeats it on the command line. */
export type Play = { readonly scenario: Scenario; readonly seed: number; readonly again: string };

export type PlayOptions = { readonly seed: number; readonly keepers: readonly number[] };

/** @param what a scenario's name or path, or the seed of a random scenario */
export async function playOf(what: string, { seed, keepers }: PlayOptions): Promise<Play> {
  if (!/^\d+$/.test(what)) return { scenario: await load(what), seed, again: `${what} --seed ${seed}` };
  const { randomScenario } = await import("../../sim/scenario/random.ts");
  const drawn = integerOption("the seed")(what);
  const again = `${drawn} --keepers ${keepers.join()}`;
  return { scenario: randomScenario(drawn, keepers), seed: drawn, again };
}

/** Short hash of the commit that runs: a built package names it in its manifest, a clone asks git. */
export function commit(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { gitHead } = JSON.parse(manifest) as { gitHead?: string };
  if (gitHead !== undefined) return gitHead.slice(0, 7);
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
  return `${holds ? "holds" : "FAILS"}  ${name} (seed ${seed}): ${settled} of ${counted(intervals, "interval")} settled; ${what}`;
}
