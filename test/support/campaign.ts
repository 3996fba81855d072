/** Runs campaigns of random scenarios in a separate process on all cores. */
import { expect } from "vitest";
import { runCli } from "./cli.ts";

type Report = {
  readonly runs: number;
  readonly intervals: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly object[];
};

export type CampaignSum = Pick<Report, "intervals" | "faults">;

/**
 * Plays `seeds` random scenarios from `first` on and fails at a violation. Prints the seeds, the number of intervals, the speed, and
 * how often each fault fired.
 */
export async function playCampaign(
  first: number,
  seeds: number,
  options: readonly string[] = [],
): Promise<CampaignSum> {
  const start_ms = performance.now();
  const args = ["sim", "fuzz", "--seed", `${first}`, "--seeds", `${seeds}`, "--json", ...options];
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const seconds = (performance.now() - start_ms) / 1000;
  const { runs, intervals, faults, failures } = JSON.parse(stdout) as Report;
  expect(failures).toEqual([]);
  expect(runs).toBe(seeds);
  const rate = (intervals / seconds).toFixed(0);
  const struck = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  process.stdout.write(
    `seeds ${first} to ${first + seeds - 1}: ${intervals} intervals in ${seconds.toFixed(0)} s, ${rate} a second; ` +
      `faults that occurred: ${struck.sort().join(", ")}\n`,
  );
  return { intervals, faults };
}
