/** S8 in the simulator: what the checker sees, and that it sees. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { due, required } from "../../sim/checkers/s8-due.ts";
import type { Run } from "../../sim/checkers/checker.ts";
import { Cluster, defaultOptions } from "../../sim/cluster.ts";
import { parseScenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import { settledOf } from "../support/first-group.ts";

/** A quiet group after a few settlements, and what S8's checker says of it. */
async function played(act: (cluster: Cluster) => void = () => undefined): Promise<Cluster> {
  const cluster = new Cluster(defaultOptions);
  cluster.seats.forEach((_, i) => cluster.start(i));
  await cluster.run(40);
  act(cluster);
  await cluster.run(260);
  return cluster;
}

const complaints = (cluster: Cluster): string[] =>
  (due.check?.({ cluster } as unknown as Run) ?? []).map(({ text }) => text);

describe("the checker of S8", () => {
  it("checks every settlement of a funded group", async () => {
    const cluster = await played();
    const { chain } = cluster;
    expect(chain.settled.length).toBeGreaterThanOrEqual(4);
    expect(complaints(cluster)).toEqual([]);
    for (const { from } of chain.settled) {
      const began = chain.groupAt(0, from);
      // Two computations of R32, and the premise held.
      expect(began.required(from)).toBe(required(began, from));
      expect(began.free).toBeGreaterThanOrEqual(required(began, from));
    }
  });

  it("reports each provider that got one unit too little, or has one unit of arrears", async () => {
    const cluster = await played();
    const [first, second] = settledOf(cluster);
    if (first === undefined || second === undefined) throw new Error("expected two settlements");
    const [paid, owed] = [first.after.providers[0], second.after.providers[2]];
    if (paid === undefined || owed === undefined) throw new Error("expected three providers");
    paid.credit -= 1n;
    owed.arrears += 1n;
    const found = complaints(cluster);
    expect(found.some((text) => text.startsWith("provider 0 of the funded group"))).toBe(true);
    expect(found.some((text) => text.startsWith("provider 2 of the funded group"))).toBe(true);
  });

  it("accepts arrears if the payer had no money for longer than the lockup", async () => {
    const cluster = await played(({ payers }) => payers[0]?.runShort());
    await cluster.run(200);
    expect(complaints(cluster)).toEqual([]);
    const last = settledOf(cluster).at(-1);
    expect(last?.after.providers.some(({ arrears }) => arrears > 0n)).toBe(true);
  });

  it("refuses a payer without money that grows a provider of its own", async () => {
    const file = "sim/scenarios/payer-thins-the-others.yaml";
    const scenario = parseScenario(readFileSync(join(projectRoot, file), "utf8"), file);
    const { violations, settled } = await simulate(scenario, 1);
    expect(violations).toEqual([]);
    expect(settled).toBeGreaterThanOrEqual(5);
    const cluster = await played(({ payers: [payer], chain }) => {
      payer?.runShort();
      const before = chain.groupAt(0).providers.map(({ changes }) => changes.length);
      expect(payer?.changeData(2, 1n << 55n)).toBe("Upkeeping_Underfunded");
      expect(chain.groupAt(0).providers.map(({ changes }) => changes.length)).toEqual(before);
    });
    expect(complaints(cluster)).toEqual([]);
  });
});
