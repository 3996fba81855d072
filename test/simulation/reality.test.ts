import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { realSignatures } from "../../sim/signatures/real-signatures.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { parseScenario, scenarioSchema } from "../../sim/scenario/schema.ts";
import type { Scenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import { runCli } from "../support/cli.ts";
import { settledOf } from "../support/first-group.ts";

const read = (name: string): Scenario => {
  const file = `sim/scenarios/${name}.yaml`;
  return parseScenario(readFileSync(join(projectRoot, file), "utf8"), file);
};

/** Number of times that a reason was reported in a run. */
function noted(result: Awaited<ReturnType<typeof simulate>>, code: string): number {
  return result.events.filter((event) => event.kind === "noted" && event.code === code).length;
}

describe("providers with real storage", () => {
  it.each([
    ["provider-loses-data", []],
    ["provider-corrupt", ["challenge-bad-proof"]],
    ["provider-replays", ["challenge-bad-proof"]],
    ["provider-offline", ["challenge-unreachable"]],
    ["provider-selective", ["challenge-unreachable"]],
    ["provider-slow", ["challenge-late"]],
    ["provider-repairs", []],
    ["payer-changes-data", []],
    ["reorg-in-the-round", []],
  ])("settle as the checkers demand in %s", async (name, reasons) => {
    const scenario = read(name);
    const result = await simulate(scenario, 1, { proofs: "real" });
    expect(result.violations).toEqual([]);
    expect(result.settled).toBeGreaterThanOrEqual(scenario.expect.settled ?? 0);
    expect(reasons.filter((code) => noted(result, code) === 0)).toEqual([]);
  });

  it("are paid for the bytes that they still hold: all keepers agree on the sampled loss", async () => {
    const scenario = scenarioSchema.parse({
      name: "half of the bytes are lost",
      settlements: 3,
      faults: [{ when: { block: 1 }, provider: 1, kind: "lose-data", fraction: 0.5 }],
    });
    const { events, violations } = await simulate(scenario, 2, { proofs: "real" });
    expect(violations).toEqual([]);
    const paid = events.filter((event) => event.kind === "settled");
    expect(paid).toHaveLength(3);
    const cluster = new Cluster({ ...defaultOptions, proofs: "real" });
    cluster.proves = (provider) => (provider === 1 ? 8 : 16);
    cluster.seats.forEach((_, i) => cluster.start(i));
    await cluster.run(3 * 80);
    const items = settledOf(cluster).flatMap(({ settlement }) => settlement.items);
    const share = (provider: number): number => {
      const own = items.filter((item) => item.provider === provider);
      const committed = 60n * BigInt(defaultOptions.providers[provider] ?? 0);
      const sum = own.reduce((total, { spaceTime }) => total + spaceTime, 0n);
      return Number((1000n * sum) / (committed * BigInt(own.length))) / 1000;
    };
    expect([share(0), share(2)]).toEqual([1, 1]);
    // The lower median of three or four keepers' samples of half: below a half, but far from none.
    expect(share(1)).toBeGreaterThan(0.3);
    expect(share(1)).toBeLessThan(0.6);
  });

  it("give the same trace for the same seed, to the byte", async () => {
    const [one, two] = [
      await simulate(read("storm"), 3, { proofs: "real" }),
      await simulate(read("storm"), 3, { proofs: "real" }),
    ];
    expect(one.traceHash).toBe(two.traceHash);
    expect(one.violations).toEqual([]);
  });

  it("are refused by the command line if a scenario is too large for memory", async () => {
    const file = "sim/scenarios/one-large-provider.yaml";
    const refused = await runCli(["sim", "run", file, "--proofs", "real"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("too much data for --proofs real");
    const unknown = await runCli(["sim", "run", file, "--crypto", "none"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("cheap | real");
  });
});

describe("real signatures", () => {
  it("give certificates that verify against the members' keys, and that fail with a wrong signer", async () => {
    const real = realSignatures();
    const submitted: Parameters<typeof real.aggregateHolds>[] = [];
    const signatures: typeof real = {
      ...real,
      aggregateHolds: (...certificate) => {
        submitted.push(certificate);
        return real.aggregateHolds(...certificate);
      },
    };
    const scenario = scenarioSchema.parse({ name: "one interval", settlements: 1, providers: 1 });
    const result = await simulate(scenario, 1, { signatures });
    expect(result.settled).toBe(1);
    expect(result.violations).toEqual([]);
    const [digest, signers, signature] = submitted.at(-1) ?? [`0x`, [], `0x`];
    expect(signers.length).toBeGreaterThanOrEqual(3);
    expect(real.aggregateHolds(digest, signers, signature)).toBe(true);
    expect(real.aggregateHolds(digest, signers.slice(1), signature)).toBe(false);
    expect(real.aggregateHolds(`0x${"11".repeat(32)}`, signers, signature)).toBe(false);
    expect(real.aggregateHolds(digest, signers, `0x${"00".repeat(48)}`)).toBe(false);
  });

  it("and real storage together settle an interval with a Byzantine keeper", async () => {
    const scenario = scenarioSchema.parse({
      name: "all is real, and one keeper inflates",
      settlements: 1,
      providers: 1,
      params: { interval: 35, turn: 30 },
      faults: [{ when: { block: 12 }, keeper: 1, kind: "byzantine", behaviour: "inflate" }],
    });
    const result = await simulate(scenario, 1, { signatures: realSignatures(), proofs: "real" });
    expect(result.violations).toEqual([]);
    expect(result.settled).toBe(1);
  });
});
