/**
 * Measures the speed of simulated worlds with more or fewer real parts: settled intervals per second of CPU time. CPU time of the
 * whole process counts, with the threads of the garbage collector and the compiler; other load on the machine does not. Each kind is
 * played for as long before it is measured, since code is compiled for the first ten seconds or so; a campaign plays for minutes.
 *
 *   node scripts/bench/sim.ts [--seconds 10] [--keepers 4] [--large 31] [--only WORDS] [--json]
 */
import { parseArgs } from "node:util";
import { nodeSha256 } from "../../daemon/hashing/node-sha256.ts";
import { realSignatures } from "../../sim/signatures/real-signatures.ts";
import type { Reality } from "../../sim/cluster.ts";
import { randomScenario } from "../../sim/scenario/random.ts";
import { scenarioSchema } from "../../sim/scenario/schema.ts";
import type { Scenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";

export type SimFigures = {
  readonly world: string;
  readonly keepers: number;
  /** An interval of several groups counts once for each of them. */
  readonly intervals: number;
  readonly faults: number;
  readonly cpu_s: number;
  readonly intervalsPerSecond: number;
};

type World = {
  readonly name: string;
  readonly keepers: number;
  readonly reality: Reality;
  readonly scenarioOf: (seed: number) => Scenario;
};

/** A scenario without faults and with the schema's defaults: three providers a group, twelve slots an interval. */
function calm(committee: number, settlements: number, groups = 1): (seed: number) => Scenario {
  return (seed) => scenarioSchema.parse({ name: `calm ${seed}`, committee, settlements, groups });
}

function worlds(keepers: number, large: number): World[] {
  const real = realSignatures();
  return [
    { name: "all cheap", keepers, reality: {}, scenarioOf: calm(keepers, 50) },
    { name: "all cheap, ten groups", keepers, reality: {}, scenarioOf: calm(keepers, 20, 10) },
    {
      name: "all cheap, random faults",
      keepers,
      reality: {},
      scenarioOf: (seed) => randomScenario(seed, [keepers]),
    },
    { name: "real proofs", keepers, reality: { proofs: "real" }, scenarioOf: calm(keepers, 10) },
    {
      name: "real signatures",
      keepers,
      reality: { signatures: real },
      scenarioOf: calm(keepers, 1),
    },
    {
      name: "all real",
      keepers,
      reality: { signatures: real, proofs: "real" },
      scenarioOf: calm(keepers, 1),
    },
    { name: "all cheap", keepers: large, reality: {}, scenarioOf: calm(large, 2) },
  ];
}

function cpu_s(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Plays at least one seed, and further ones until this much CPU time is spent. */
async function play(world: World, seconds: number, first: number): Promise<SimFigures> {
  const start_s = cpu_s();
  let [intervals, faults, spent_s] = [0, 0, 0];
  for (let seed = first; spent_s < seconds; seed++) {
    const result = await simulate(world.scenarioOf(seed), seed, world.reality);
    if (result.violations.length > 0) throw new Error(`seed ${seed} of ${world.name} does not hold`);
    intervals += result.settled;
    faults += Object.values(result.faults).reduce((a, b) => a + b, 0);
    spent_s = cpu_s() - start_s;
  }
  const { name, keepers } = world;
  return { world: name, keepers, intervals, faults, cpu_s: spent_s, intervalsPerSecond: intervals / spent_s };
}

/** Blocks of 64 bytes that one core now hashes with SHA-256 in a millisecond; other load on the machine lowers it. */
function hashesPerMs(): number {
  const block = new Uint8Array(64);
  const start_s = cpu_s();
  const count = 200_000;
  for (let i = 0; i < count; i++) nodeSha256(block);
  return count / (cpu_s() - start_s) / 1000;
}

async function measureSim(seconds: number, keepers: number, large: number, only = ""): Promise<SimFigures[]> {
  const figures: SimFigures[] = [];
  for (const world of worlds(keepers, large).filter(({ name }) => name.includes(only))) {
    await play(world, seconds, 1);
    figures.push(await play(world, seconds, 1_000));
  }
  return figures;
}

function tableOf(figures: readonly SimFigures[]): string {
  const rows = figures.map(({ world, keepers, intervals, faults, intervalsPerSecond }) => {
    const rate = intervalsPerSecond.toFixed(intervalsPerSecond < 10 ? 2 : 0);
    return `| ${world} | ${keepers} | ${intervals} | ${faults} | ${rate} |`;
  });
  return [
    "| world | keepers | intervals | faults | intervals/s a core |",
    "|---|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      keepers: { type: "string", default: "4" },
      large: { type: "string", default: "31" },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  });
  const before = hashesPerMs();
  const { seconds, keepers, large, only } = values;
  const figures = await measureSim(Number(seconds), Number(keepers), Number(large), only);
  const after = hashesPerMs();
  process.stdout.write(`${values.json ? JSON.stringify(figures) : tableOf(figures)}\n`);
  const [low, high] = [before, after].sort((a, b) => a - b).map((rate) => rate.toFixed(0));
  process.stderr.write(
    `speed of the core during the run: ${low} to ${high} SHA-256 of 64 bytes a millisecond\n`,
  );
}
