/** `whitepay sim replay`: repeats one run, with a trace on stdout or a timeline in a file. */
import type { Command } from "commander";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { writeOutput } from "../console/output-file.ts";
import { assertStorable, committees, playOf, realityOf, summary, withReality } from "./scenario.ts";
import type { PlayOptions, RealityOptions } from "./scenario.ts";

type ReplayOptions = PlayOptions &
  RealityOptions & { readonly trace?: true; readonly html?: string; readonly json?: true };

export function register(sim: Command): void {
  withReality(sim.command("replay"))
    .argument("<file-or-seed>", "name or path of a scenario, or the seed of a random scenario")
    .description("repeat one run; print a trace or write a timeline; exit 1 if a checker fails")
    .option("--seed <number>", "seed of the run, for a named scenario or a file", integerOption("--seed"), 1)
    .option("--keepers <sizes>", "committee sizes of the random choice", committees, [4])
    .option("--trace", "print the trace on stdout, one event per line")
    .option("--html <file>", "write a timeline as one self-contained HTML page")
    .option("--json", "print the result, and the trace with --trace, as one JSON document")
    .action(replay);
}

async function replay(what: string, { trace, html, json, ...options }: ReplayOptions): Promise<void> {
  const { simulate } = await import("../../sim/simulate.ts");
  const { scenario, seed } = await playOf(what, options);
  await assertStorable(scenario, options);
  const result = await simulate(scenario, seed, await realityOf(options));
  if (trace === true && json !== true) for (const line of result.trace) printLine(line);
  if (html !== undefined) {
    const { timelinePage } = await import("../../sim/trace/timeline.ts");
    const { spares } = await import("../../sim/scenario/schema.ts");
    await writeOutput(html, timelinePage(result, scenario.committee + spares(scenario)));
    say(`timeline: ${html}`);
  }
  const { failuresOf, inWords } = await import("../../sim/verdict.ts");
  const found = failuresOf(scenario, result).map(inWords);
  if (json === true) {
    const { name, settled, intervals, traceHash } = result;
    const events = trace === true ? { trace: result.trace } : {};
    printJson({ name, seed, settled, intervals, violations: found, traceHash, ...events });
  } else say(summary(result, found.length === 0));
  if (found.length > 0) throw new CliError({ code: exitCodes.failed, message: found.join("; ") });
}
