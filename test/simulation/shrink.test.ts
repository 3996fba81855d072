import { describe, expect, it } from "vitest";
import { randomScenario } from "../../sim/scenario/random.ts";
import { parseScenario } from "../../sim/scenario/schema.ts";
import { writeScenario } from "../../sim/scenario/write.ts";
import { shrink } from "../../sim/shrink/shrink.ts";
import { runCli } from "../support/cli.ts";

// Two of four keepers stay away: nothing more is settled. The other faults have no part in it.
const twoGone = `name: two are gone
settlements: 2
providers: 4
network: {loss: 0.02, duplicate: 0.05, delayMs: [5, 90]}
faults:
  - {when: {block: 30}, kind: loss, share: 0.2, forBlocks: 20}
  - {when: {block: 84}, keeper: 1, kind: crash, forBlocks: 500}
  - {when: {block: 40}, keeper: 0, kind: restart}
  - {when: {block: 90}, provider: 0, kind: offline, forBlocks: 10}
  - {when: {block: 86}, keeper: 2, kind: crash, forBlocks: 500}
  - {when: {block: 100}, kind: duplicate, share: 0.5, forBlocks: 50}
expect: {settled: 2}
`;

describe("a scenario as text", () => {
  it("gives the same scenario when it is read again", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const scenario = randomScenario(seed, [4, 7, 10]);
      expect(parseScenario(writeScenario(scenario), "again")).toEqual(scenario);
    }
  });
});

describe("shrinking", () => {
  it("keeps only the faults and network conditions that the failure needs", async () => {
    const scenario = parseScenario(twoGone, "two.yaml");
    const found = await shrink({ scenario, seed: 4, maxRuns: 200 });
    expect(found?.smallest).toBe(true);
    expect(found?.failure.checker).toBe("expected");
    expect(found?.scenario.faults.map(({ kind }) => kind)).toEqual(["crash", "crash"]);
    expect(found?.scenario).toMatchObject({
      settlements: 1,
      providers: 1,
      network: { loss: 0, duplicate: 0, reorder: false },
    });
    expect(found?.runs).toBeLessThan(150);
  }, 300_000);

  it("stops after its last allowed run, with the smallest failing scenario", async () => {
    const scenario = parseScenario(twoGone, "two.yaml");
    const found = await shrink({ scenario, seed: 4, maxRuns: 4 });
    expect(found?.runs).toBe(4);
    expect(found?.smallest).toBe(false);
    expect(found?.failure.checker).toBe("expected");
  });

  it("refuses a run that passes", async () => {
    const { code, stderr } = await runCli(["sim", "shrink", "7"]);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing to shrink: the run passes");
  });
});
