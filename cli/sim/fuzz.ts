/** `whitepay sim fuzz|merge`: runs campaigns of random scenarios on all cores of one or more machines. */
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { z } from "zod";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { readJsonInput, wholeNumber } from "../console/json-input.ts";
import { integerOption, quote, jsonFlag } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { progressBar } from "../console/progress.ts";
import type { CampaignReport, Shard } from "../../sim/campaign/campaign.ts";
import { commit, committees, realityWords, withReality } from "./scenario.ts";
import type { RealityOptions } from "./scenario.ts";
import { counted } from "../../protocol/counted.ts";

type FuzzOptions = RealityOptions & {
  seed: number;
  seeds?: number;
  minutes?: number;
  keepers: number[];
  shard: Shard;
  cores: number;
  json?: true;
};

/** The result of one shard; `sim merge` adds them up. */
const shardReport = z.strictObject({
  commit: z.string(),
  first: wholeNumber(),
  /** null: limited by time. */
  seeds: wholeNumber(1).nullable(),
  keepers: z.array(wholeNumber(4)).min(1),
  crypto: z.enum(["cheap", "real"]),
  proofs: z.enum(["cheap", "real"]),
  shard: z.strictObject({ index: wholeNumber(1), of: wholeNumber(1) }),
  runs: wholeNumber(),
  intervals: wholeNumber(),
  faults: z.record(z.string(), wholeNumber(1)),
  failures: z.array(
    z.strictObject({ seed: wholeNumber(), checker: z.string(), block: z.int(), text: z.string() }),
  ),
  never: z.array(z.string()),
});
type ShardReport = z.infer<typeof shardReport>;

/** Smaller campaigns may miss a kind of fault by chance. */
const enoughForAllKinds = 100;

export function register(sim: Command): void {
  withReality(sim.command("fuzz"))
    .description("run random scenarios; exit 1 after a violation, or if a kind of fault never occurred")
    .option("--seed <number>", "first seed", integerOption("--seed"), 1)
    .option("--seeds <number>", "number of scenarios (default 100)", integerOption("--seeds", { min: 1 }))
    .option(
      "--minutes <number>",
      "time limit, instead of --seeds",
      integerOption("--minutes", { min: 1, max: 1_440 }),
    )
    .option("--keepers <sizes>", "committee sizes for the random choice", committees, [4])
    .option("--shard <i/n>", "run part i of n of the campaign; sim merge adds the parts up", shardOption, {
      index: 1,
      of: 1,
    })
    .option(
      "--cores <number>",
      "number of threads (default: one per core)",
      integerOption("--cores", { min: 1, max: 1_024 }),
      availableParallelism(),
    )
    .option(...jsonFlag)
    .action(fuzz);
  sim
    .command("merge")
    .argument("<files...>", "outputs of `sim fuzz --shard i/n --json`, one file per shard")
    .description("add up the shards of one campaign; exit codes as in sim fuzz")
    .option(...jsonFlag)
    .action(merge);
}

function shardOption(text: string): Shard {
  const [, index = "", of = ""] = /^([1-9]\d{0,5})\/([1-9]\d{0,5})$/.exec(text) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  if (index !== "" && shard.index <= shard.of) return shard;
  throw usageError("--shard is not valid", {
    expected: "i/n with 1 ≤ i ≤ n, for example 2/3",
    actual: quote(text),
  });
}

async function fuzz(options: FuzzOptions): Promise<void> {
  const { seed, seeds, minutes, keepers, shard, crypto, proofs, json } = options;
  const report = await play(options);
  const { failure, ...totals } = report;
  const document: ShardReport = {
    commit: commit(),
    first: seed,
    seeds: seeds ?? (minutes === undefined ? 100 : null),
    keepers,
    crypto,
    proofs,
    shard,
    ...totals,
    faults: { ...totals.faults },
    never: [...totals.never],
    failures: (failure?.violations ?? []).map((violation) => ({ seed: failure?.seed ?? seed, ...violation })),
  };
  tell(document, json);
  judge(document, shard.of === 1);
}

async function play({
  seed,
  seeds,
  minutes,
  keepers,
  shard,
  cores,
  crypto,
  proofs,
}: FuzzOptions): Promise<CampaignReport> {
  const { campaign } = await import("../../sim/campaign/campaign.ts");
  const { openPlayers } = await import("../../sim/campaign/players.ts");
  const start_ms = performance.now();
  const limit_ms = minutes === undefined ? Infinity : minutes * 60_000;
  const count = seeds ?? (minutes === undefined ? 100 : Number.MAX_SAFE_INTEGER - seed);
  const own = Math.ceil((count - shard.index + 1) / shard.of);
  // The bar counts scenarios, or seconds with --minutes; the rate of intervals is beside it.
  const timed = seeds === undefined && minutes !== undefined;
  const label = (runs: number, intervals: number): string => {
    const rate = (intervals * 1000) / Math.max(1, performance.now() - start_ms);
    return `${counted(runs, "scenario")}, ${counted(intervals, "interval")}, ${rate.toFixed(1)} intervals/s`;
  };
  const bar = progressBar({
    label: timed ? "seconds" : "scenarios",
    total: timed ? limit_ms / 1000 : own,
  });
  const { players, close } = openPlayers(Math.max(1, Math.min(cores, own)), { keepers, crypto, proofs });
  try {
    return await campaign({
      first: seed,
      count,
      shard,
      players,
      goOn: () => performance.now() - start_ms < limit_ms,
      onRun: ({ runs, intervals }) =>
        bar?.update(timed ? (performance.now() - start_ms) / 1000 : runs, label(runs, intervals)),
    });
  } finally {
    bar?.stop();
    await close();
  }
}

function tell(document: ShardReport, json: true | undefined): void {
  if (json === true) return printJson(document);
  const { runs, intervals, faults } = document;
  printLine(
    `${counted(runs, "random scenario")}, ${counted(intervals, "interval")} settled; faults that occurred:`,
  );
  for (const [kind, count] of Object.entries(faults).sort(([a], [b]) => a.localeCompare(b)))
    printLine(`  ${String(count).padStart(6)}  ${kind}`);
}

/** @param whole true for a whole campaign: one shard need not contain every kind of fault */
function judge(document: ShardReport, whole: boolean): void {
  const { failures, keepers, never, runs } = document;
  for (const { checker, block, text } of failures)
    say(`does not hold: ${checker} at block ${block}: ${text}`);
  const [failed, ...more] = [...new Set(failures.map(({ seed }) => seed))];
  if (failed !== undefined) {
    for (const seed of [failed, ...more]) {
      const which = `${seed} --keepers ${keepers.join()}${realityWords(document)}`;
      say(`seed ${seed}, commit ${document.commit}; replay it: whitepay sim replay ${which} --trace`);
      say(`shrink it: whitepay sim shrink ${which}`);
    }
    const found = [failed, ...more].join(", ");
    throw new CliError({ code: exitCodes.failed, message: `seed ${found} found a violation` });
  }
  if (whole && never.length > 0 && runs >= enoughForAllKinds) {
    throw new CliError({
      code: exitCodes.failed,
      message: `these faults never occurred: ${never.join(", ")}`,
      hint: "run more seeds",
    });
  }
}

async function merge(files: readonly string[], { json }: { readonly json?: true }): Promise<void> {
  const { addFaults, neverStruck } = await import("../../sim/campaign/campaign.ts");
  const reports = await Promise.all(files.map((file) => readJsonInput(file, shardReport)));
  const [first] = reports;
  if (first === undefined) throw new Error("commander asks for at least one file");
  assertOneCampaign(files, reports);
  const faults: Record<string, number> = {};
  for (const report of reports) addFaults(faults, report.faults);
  const sum = (of: (report: ShardReport) => number): number =>
    reports.reduce((total, one) => total + of(one), 0);
  const document: ShardReport = {
    ...first,
    shard: { index: 1, of: 1 },
    runs: sum(({ runs }) => runs),
    intervals: sum(({ intervals }) => intervals),
    faults,
    failures: reports.flatMap(({ failures }) => failures).sort((a, b) => a.seed - b.seed),
    never: neverStruck(faults),
  };
  tell(document, json);
  judge(document, true);
}

/** The files must be all shards of one campaign at one commit, each once. */
function assertOneCampaign(files: readonly string[], reports: readonly ShardReport[]): void {
  const campaignOf = ({ commit, first, seeds, keepers, crypto, proofs, shard }: ShardReport): string =>
    JSON.stringify({ commit, first, seeds, keepers, crypto, proofs, shards: shard.of });
  const [expected = ""] = reports.map(campaignOf);
  reports.forEach((report, i) => {
    const actual = campaignOf(report);
    if (actual === expected) return;
    throw usageError(`${files[i]} is of another campaign than ${files[0]}`, { expected, actual });
  });
  const of = reports[0]?.shard.of ?? 1;
  const played = reports.map(({ shard }) => shard.index).sort((a, b) => a - b);
  const all = Array.from({ length: of }, (_, i) => i + 1);
  if (played.join() === all.join()) return;
  throw usageError("expected every shard of the campaign exactly once", {
    expected: `shards ${all.join(", ")} of ${of}`,
    actual: `shards ${played.join(", ")}`,
  });
}
