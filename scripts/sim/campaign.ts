/** Many random scenarios in a row, and what struck in them. */
import type { Reality } from "./cluster.ts";
import { randomScenario } from "./scenario/random.ts";
import { faultKinds } from "./scenario/schema.ts";
import { simulate } from "./simulate.ts";
import type { SimulationResult } from "./simulate.ts";

export type CampaignOptions = {
  readonly first: number;
  readonly count: number;
  readonly committees: readonly number[];
  readonly reality?: Reality;
  /** Asked before each scenario. */
  readonly goOn?: () => boolean;
  readonly onRun?: (soFar: { readonly runs: number; readonly intervals: number }) => void;
};

export type CampaignReport = {
  readonly runs: number;
  readonly intervals: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Kinds that never struck. */
  readonly never: readonly string[];
  /** The first run with a violation, which ends the campaign. */
  readonly failure: SimulationResult | undefined;
};

export async function campaign(options: CampaignOptions): Promise<CampaignReport> {
  const { first, count, committees, reality = {}, goOn = () => true, onRun = () => undefined } = options;
  const faults: Record<string, number> = {};
  let runs = 0;
  let intervals = 0;
  let failure: SimulationResult | undefined;
  for (let seed = first; runs < count && failure === undefined && goOn(); seed++) {
    const result = await simulate(randomScenario(seed, committees), seed, reality);
    runs++;
    intervals += result.settled;
    for (const [kind, times] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + times;
    if (result.violations.length > 0) failure = result;
    onRun({ runs, intervals });
  }
  return { runs, intervals, faults, never: faultKinds.filter((kind) => !(kind in faults)), failure };
}
