/** `whitepay sim …`: runs the real core, codec and runtime of a committee in a seeded simulated world with faults. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption, jsonFlag } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import type { SimulationResult } from "../../sim/simulate.ts";
import {
  assertStorable,
  commit,
  load,
  realityOf,
  realityWords,
  summary,
  scenarioNames,
  withReality,
} from "./scenario.ts";
import type { RealityOptions } from "./scenario.ts";
import { counted } from "../../protocol/counted.ts";

type RunOptions = RealityOptions & { seed: number; seeds?: number; json?: true };

export async function register(program: Command): Promise<void> {
  const sim = program.command("sim").description("run fault scenarios in a simulated world");
  withReality(sim.command("run"))
    .argument("<scenario>", "a name that `whitepay sim list` prints, or the path of a YAML file")
    .description("run one scenario; exit 0 if all checkers pass and the scenario's expectations hold")
    .option("--seed <number>", "seed of the run", integerOption("--seed"), 1)
    .option(
      "--seeds <number>",
      "number of runs, with consecutive seeds",
      integerOption("--seeds", { min: 1 }),
    )
    .option("--json", "print one JSON document for each seed on stdout")
    .action((scenario: string, options: RunOptions) => runScenario(scenario, options));
  sim
    .command("list")
    .description("list the scenarios of this release, by the name that `sim run` takes")
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

async function runScenario(
  nameOrPath: string,
  { seed, seeds = 1, json, ...real }: RunOptions,
): Promise<void> {
  const { simulate } = await import("../../sim/simulate.ts");
  const { failuresOf, inWords } = await import("../../sim/verdict.ts");
  const scenario = await load(nameOrPath);
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
      `  seed ${s}, commit ${commit()}; replay it: whitepay sim replay ${nameOrPath} --seed ${s}${realityWords(real)} --trace`,
    );
  }
  if (failed > 0)
    throw new CliError({ code: exitCodes.failed, message: `${failed} of ${counted(seeds, "run")} failed` });
}

async function list({ json }: { readonly json?: true }): Promise<void> {
  const scenarios = await Promise.all(
    scenarioNames().map(async (name) => ({ name, title: (await load(name)).name })),
  );
  if (json === true) return printJson({ scenarios });
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  for (const { name, title } of scenarios) printLine(`${name.padEnd(width)}  ${title}`);
  say("run one: whitepay sim run NAME");
}
