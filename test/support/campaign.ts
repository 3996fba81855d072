/** Campaigns of random scenarios in processes of their own, one for each core: what they found, summed up and told. */
import { expect } from "vitest";
import { runCli } from "./cli.ts";

type Report = {
  readonly first: number;
  readonly runs: number;
  readonly intervals: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failure: readonly object[];
};

export type CampaignSum = { readonly intervals: number; readonly faults: Readonly<Record<string, number>> };

/**
 * Plays `seeds` random scenarios from each of `firsts` on, side by side, and fails at a violation.
 * Says on stdout which seeds, how many intervals, how fast, and which faults struck how often.
 */
export async function playCampaigns(
  firsts: readonly number[],
  seeds: number,
  options: readonly string[] = [],
): Promise<CampaignSum> {
  const start_ms = performance.now();
  const reports = await Promise.all(
    firsts.map(async (first): Promise<Report> => {
      const args = ["sim", "fuzz", "--seed", `${first}`, "--seeds", `${seeds}`, "--json", ...options];
      const { code, stdout, stderr } = await runCli(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return JSON.parse(stdout) as Report;
    }),
  );
  const seconds = (performance.now() - start_ms) / 1000;
  const faults: Record<string, number> = {};
  for (const report of reports) {
    expect(report.failure).toEqual([]);
    expect(report.runs).toBe(seeds);
    for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  }
  const intervals = reports.reduce((sum, report) => sum + report.intervals, 0);
  const ranges = firsts.map((first) => `${first} to ${first + seeds - 1}`).join(", ");
  const rate = (intervals / seconds).toFixed(0);
  const struck = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  process.stdout.write(
    `seeds ${ranges}: ${intervals} intervals in ${seconds.toFixed(0)} s, ${rate} a second by ${firsts.length} processes; ` +
      `faults that struck: ${struck.sort().join(", ")}\n`,
  );
  return { intervals, faults };
}
