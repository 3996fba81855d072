/** `whitepay sim shrink`: finds the smallest scenario with the same failure. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption, jsonFlag } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { writeOutput } from "../console/output-file.ts";
import {
  assertStorable,
  commit,
  committees,
  playOf,
  realityOf,
  realityWords,
  withReality,
} from "./scenario.ts";
import type { PlayOptions, RealityOptions } from "./scenario.ts";
import { counted } from "../../protocol/counted.ts";

type ShrinkOptions = PlayOptions &
  RealityOptions & { readonly runs: number; readonly out?: string; readonly json?: true };

export function register(sim: Command): void {
  withReality(sim.command("shrink"))
    .argument("<file-or-seed>", "name or path of a failing scenario, or the seed of a random one")
    .description("find the smallest scenario that still fails the same checker, and print it (YAML)")
    .option("--seed <number>", "seed of the run, for a named scenario or a file", integerOption("--seed"), 1)
    .option("--keepers <sizes>", "committee sizes of the random choice", committees, [4])
    .option("--runs <number>", "maximum number of runs", integerOption("--runs", { min: 1 }), 500)
    .option("--out <file>", "write the scenario to a file instead of stdout")
    .option(...jsonFlag)
    .action(shrinkRun);
}

async function shrinkRun(
  what: string,
  { runs: maxRuns, out, json, ...options }: ShrinkOptions,
): Promise<void> {
  const { shrink } = await import("../../sim/shrink/shrink.ts");
  const { inWords } = await import("../../sim/verdict.ts");
  const { scenario, seed, again } = await playOf(what, options);
  await assertStorable(scenario, options);
  const onRun = (runs: number, faults: number): void => {
    if (process.stderr.isTTY)
      process.stderr.write(`\r${counted(runs, "run")}, ${counted(faults, "fault")} left `);
  };
  const shrunk = await shrink({ scenario, seed, reality: await realityOf(options), maxRuns, onRun });
  if (process.stderr.isTTY) process.stderr.write("\n");
  if (shrunk === undefined) {
    throw new CliError({
      code: exitCodes.usage,
      message: "nothing to shrink: the run passes",
      expected: "a run that fails",
      actual: `whitepay sim replay ${again}${realityWords(options)}`,
    });
  }
  const { text, failure, runs, smallest } = shrunk;
  const before = scenario.faults.length;
  const after = shrunk.scenario.faults.length;
  const command = `whitepay sim run ${out ?? "FILE"} --seed ${seed}${realityWords(options)}`;
  const file = `# ${inWords(failure)}\n# ${command}   (commit ${commit()})\n${text}`;
  if (out !== undefined) await writeOutput(out, file);
  if (json === true) printJson({ seed, failure, runs, smallest, before, after, scenario: shrunk.scenario });
  else if (out === undefined) process.stdout.write(file);
  say(
    `reduced ${counted(before, "fault")} to ${after} in ${counted(runs, "run")}${smallest ? "" : "; the limit of runs was reached, so a smaller scenario may exist"}`,
  );
  say(`fails: ${inWords(failure)}; replay it: ${command}`);
}
