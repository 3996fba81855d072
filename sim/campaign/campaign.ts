/** A campaign: many random scenarios, played by several threads, with a count of the faults that fired. */
import { faultKinds } from "../scenario/schema.ts";
import type { SimulationResult } from "../simulate.ts";

/** The part of a run that a campaign keeps; it does not depend on the player. */
export type PlayedSeed = Pick<SimulationResult, "seed" | "settled" | "faults" | "violations">;

/** Plays the random scenario of one seed. */
export type Player = (seed: number) => Promise<PlayedSeed>;

/** Part `index` (from 1) of a campaign that is split over `of` machines. */
export type Shard = { readonly index: number; readonly of: number };

export type CampaignOptions = {
  readonly first: number;
  /** Seeds of the whole campaign, of which a shard plays its part. */
  readonly count: number;
  readonly shard?: Shard;
  /** Each plays one scenario at a time. */
  readonly players: readonly Player[];
  /** Asked before each scenario. */
  readonly goOn?: () => boolean;
  readonly onRun?: (soFar: Totals) => void;
};

type Totals = { readonly runs: number; readonly intervals: number };

export type CampaignReport = Totals & {
  readonly faults: Readonly<Record<string, number>>;
  /** Kinds of faults that never fired. */
  readonly never: readonly string[];
  /** The run with a violation that has the lowest seed; nothing after it counts. */
  readonly failure: PlayedSeed | undefined;
};

const wholeCampaign: Shard = { index: 1, of: 1 };

/** Seeds of the shard, ascending. */
export function* seedsOf(first: number, count: number, { index, of }: Shard): Generator<number> {
  for (let i = index - 1; i < count; i += of) yield first + i;
}

/** Adds up runs that belong to one campaign. */
function totalOf(runs: Iterable<Omit<PlayedSeed, "seed" | "violations">>): Omit<CampaignReport, "failure"> {
  const faults: Record<string, number> = {};
  let count = 0;
  let intervals = 0;
  for (const run of runs) {
    count++;
    intervals += run.settled;
    addFaults(faults, run.faults);
  }
  return { runs: count, intervals, faults, never: neverStruck(faults) };
}

export function addFaults(sum: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [kind, times] of Object.entries(more)) sum[kind] = (sum[kind] ?? 0) + times;
}

export function neverStruck(faults: Readonly<Record<string, number>>): string[] {
  return faultKinds.filter((kind) => !(kind in faults));
}

/**
 * Hands out seeds in ascending order. After a violation it hands out no further seed and waits for the runs in progress. It reports the
 * failure with the lowest seed and drops runs with higher seeds, so the report does not depend on the number of players.
 */
export async function campaign(options: CampaignOptions): Promise<CampaignReport> {
  const {
    first,
    count,
    shard = wholeCampaign,
    players,
    goOn = () => true,
    onRun = () => undefined,
  } = options;
  const seeds = seedsOf(first, count, shard);
  const played: PlayedSeed[] = [];
  let failed = false;
  let intervals = 0;
  const work = async (player: Player): Promise<void> => {
    while (!failed && goOn()) {
      const next = seeds.next();
      if (next.done === true) return;
      const run = await player(next.value);
      played.push(run);
      intervals += run.settled;
      failed ||= run.violations.length > 0;
      onRun({ runs: played.length, intervals });
    }
  };
  await Promise.all(players.map(work));
  played.sort((a, b) => a.seed - b.seed);
  const failure = played.find(({ violations }) => violations.length > 0);
  const counted = failure === undefined ? played : played.slice(0, played.indexOf(failure) + 1);
  return { ...totalOf(counted), failure };
}
