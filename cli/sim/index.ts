/** `whitepay sim …`: the real core, codec and runtime of a committee in a seeded world where things go wrong. */
import { globSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption, jsonFlag } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import type { SimulationResult } from "../../sim/simulate.ts";
import { assertStorable, commit, load, realityOf, realityWords, summary, withReality } from "./scenario.ts";
import type { RealityOptions } from "./scenario.ts";

/** The folder of the scenarios that come along, without a trailing slash. */
const library = fileURLToPath(new URL("../../sim/scenarios", import.meta.url));

type RunOptions = RealityOptions & { seed: number; seeds?: number; json?: true };

export async function register(program: Command): Promise<void> {
  const sim = program.command("sim").description("play fault scenarios in a simulated world");
  withReality(sim.command("run"))
    .argument("<file>", "a scenario (YAML); `whitepay sim list` names those that come along")
    .description("play one scenario; exits 0 only if no checker complained and what it expects came true")
    .option("--seed <number>", "seed of the run", integerOption("--seed"), 1)
    .option("--seeds <number>", "play that many seeds, from --seed on", integerOption("--seeds", { min: 1 }))
    .option("--json", "one JSON document a seed on stdout")
    .action((file: string, options: RunOptions) => runFile(file, options));
  sim
    .command("list")
    .description("name the scenarios that come along")
    .option(...jsonFlag)
    .action(list);
  const modules = [
    await import("./fuzz.ts"),
    await import("./replay.ts"),
    await import("./shrink.ts"),
    await import("./economics.ts"),
  ];
  for (const { register: add } of modules) add(sim);
}

function document(result: SimulationResult): object {
  const { name, seed, settled, intervals, violations, faults, traceHash } = result;
  return { name, seed, settled, intervals, violations, faults, traceHash };
}

async function runFile(file: string, { seed, seeds = 1, json, ...real }: RunOptions): Promise<void> {
  const { simulate } = await import("../../sim/simulate.ts");
  const { failuresOf, inWords } = await import("../../sim/verdict.ts");
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

async function list({ json }: { readonly json?: true }): Promise<void> {
  const files = globSync("*.yaml", { cwd: library }).sort();
  const scenarios = await Promise.all(
    files.map(async (file) => ({ file, name: (await load(join(library, file))).name })),
  );
  if (json === true) return printJson({ scenarios });
  for (const { file, name } of scenarios) printLine(`${basename(file, ".yaml").padEnd(32)} ${name}`);
  say(`play one with: whitepay sim run ${relative(process.cwd(), library)}/NAME.yaml`);
}
