/** `whitepay sim …`: the real core, codec and runtime of a committee in a seeded world where things go wrong. */
import { globSync } from "node:fs";
import { basename, join, relative } from "node:path";
import type { Command } from "commander";
import { CliError, exitCodes } from "../lib/exit.ts";
import { integerOption } from "../lib/options.ts";
import { printJson, printLine, say } from "../lib/output.ts";
import { projectRoot } from "../lib/paths.ts";
import type { SimulationResult } from "../sim/simulate.ts";
import {
  assertStorable,
  commit,
  committees,
  load,
  realityOf,
  realityWords,
  summary,
  withReality,
} from "./sim-scenario.ts";
import type { RealityOptions } from "./sim-scenario.ts";

const library = "scripts/sim/scenarios";

type RunOptions = RealityOptions & { seed: number; seeds?: number; json?: true };
type FuzzOptions = RealityOptions & {
  seed: number;
  seeds?: number;
  minutes?: number;
  keepers: number[];
  json?: true;
};

/** Commands of `sim` in files of their own. */
const extensions = ["sim-replay", "sim-shrink", "sim-economics"] as const;
type SimModule = { register(sim: Command): void };

export async function register(program: Command): Promise<void> {
  const sim = program.command("sim").description("play fault scenarios in a simulated world");
  withReality(sim.command("run"))
    .argument("<file>", "a scenario (YAML); `whitepay sim list` names those that come along")
    .description("play one scenario; exits 0 only if no checker complained and what it expects came true")
    .option("--seed <number>", "seed of the run", integerOption("--seed"), 1)
    .option("--seeds <number>", "play that many seeds, from --seed on", integerOption("--seeds", { min: 1 }))
    .option("--json", "one JSON document a seed on stdout")
    .action((file: string, options: RunOptions) => runFile(file, options));
  withReality(sim.command("fuzz"))
    .description("play random scenarios; exits 1 at the first violation, or if a kind of fault never struck")
    .option("--seed <number>", "first seed", integerOption("--seed"), 1)
    .option("--seeds <number>", "how many scenarios (default 100)", integerOption("--seeds", { min: 1 }))
    .option("--minutes <number>", "or for how long", integerOption("--minutes", { min: 1, max: 1_440 }))
    .option("--keepers <sizes>", "committee sizes to draw from", committees, [4])
    .option("--json", "one JSON document on stdout")
    .action((options: FuzzOptions) => fuzz(options));
  sim
    .command("list")
    .description("name the scenarios that come along")
    .option("--json", "print one JSON document on stdout")
    .action(list);
  for (const name of extensions) ((await import(`./${name}.ts`)) as SimModule).register(sim);
}

function document(result: SimulationResult): object {
  const { name, seed, settled, intervals, violations, faults, traceHash } = result;
  return { name, seed, settled, intervals, violations, faults, traceHash };
}

async function runFile(file: string, { seed, seeds = 1, json, ...real }: RunOptions): Promise<void> {
  const { simulate } = await import("../sim/simulate.ts");
  const { failuresOf, inWords } = await import("../sim/verdict.ts");
  const scenario = await load(file);
  await assertStorable(scenario, real);
  const reality = await realityOf(real);
  let failed = 0;
  for (let s = seed; s < seed + seeds; s++) {
    const result = await simulate(scenario, s, reality);
    const found = failuresOf(scenario, result).map(inWords);
    if (json) printJson(document(result));
    else printLine(summary(result, found.length === 0));
    if (found.length === 0) continue;
    failed++;
    for (const text of found) say(`  does not hold: ${text}`);
    say(
      `  seed ${s}, commit ${commit()}; see it again: whitepay sim replay ${file} --seed ${s}${realityWords(real)} --trace`,
    );
  }
  if (failed > 0)
    throw new CliError({ code: exitCodes.failed, message: `${failed} of ${seeds} runs failed` });
}

async function fuzz({ seed, seeds, minutes, keepers, json, ...real }: FuzzOptions): Promise<void> {
  const { campaign } = await import("../sim/campaign.ts");
  const { progressBar } = await import("../lib/progress.ts");
  const start_ms = performance.now();
  const limit_ms = minutes === undefined ? Infinity : minutes * 60_000;
  const count = seeds ?? (minutes === undefined ? 100 : Number.MAX_SAFE_INTEGER);
  // By seeds the bar counts scenarios, by minutes the time; the rate of intervals stands beside it.
  const timed = seeds === undefined && minutes !== undefined;
  const label = (runs: number, intervals: number): string => {
    const rate = (intervals * 1000) / Math.max(1, performance.now() - start_ms);
    return `${runs} scenarios, ${intervals} intervals, ${rate.toFixed(1)} intervals/s`;
  };
  const bar = progressBar({
    label: timed ? "seconds" : "scenarios",
    total: timed ? limit_ms / 1000 : count,
  });
  const report = await campaign({
    first: seed,
    count,
    committees: keepers,
    reality: await realityOf(real),
    goOn: () => performance.now() - start_ms < limit_ms,
    onRun: ({ runs, intervals }) =>
      bar?.update(timed ? (performance.now() - start_ms) / 1000 : runs, label(runs, intervals)),
  });
  bar?.stop();
  const { runs, intervals, faults, failure, never } = report;
  if (json) printJson({ first: seed, runs, intervals, faults, failure: failure?.violations ?? [], never });
  else {
    printLine(`${runs} random scenarios, ${intervals} intervals settled; faults that struck:`);
    for (const [kind, count] of Object.entries(faults).sort(([a], [b]) => a.localeCompare(b)))
      printLine(`  ${String(count).padStart(6)}  ${kind}`);
  }
  if (failure !== undefined) {
    for (const { checker, block, text } of failure.violations)
      say(`does not hold: ${checker} at block ${block}: ${text}`);
    const which = `${failure.seed} --keepers ${keepers.join()}${realityWords(real)}`;
    say(`seed ${failure.seed}, commit ${commit()}; see it again: whitepay sim replay ${which} --trace`);
    say(`find the smallest scenario that fails like this: whitepay sim shrink ${which}`);
    throw new CliError({ code: exitCodes.failed, message: `seed ${failure.seed} found a violation` });
  }
  if (never.length > 0 && runs >= 100) {
    throw new CliError({
      code: exitCodes.failed,
      message: `these faults never struck: ${never.join(", ")}`,
      hint: "play more seeds",
    });
  }
}

async function list({ json }: { readonly json?: true }): Promise<void> {
  const files = globSync(`${library}/*.yaml`, { cwd: projectRoot }).sort();
  const scenarios = await Promise.all(
    files.map(async (file) => ({ file, name: (await load(join(projectRoot, file))).name })),
  );
  if (json === true) return printJson({ scenarios });
  for (const { file, name } of scenarios) printLine(`${basename(file, ".yaml").padEnd(32)} ${name}`);
  say(`play one with: whitepay sim run ${relative(projectRoot, join(projectRoot, library))}/NAME.yaml`);
}
