import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { randomScenario } from "../../scripts/sim/scenario/random.ts";
import { parseScenario } from "../../scripts/sim/scenario/schema.ts";
import { writeScenario } from "../../scripts/sim/scenario/write.ts";
import { shrink } from "../../scripts/sim/shrink/shrink.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

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
  it("is the same scenario when it is read again, whatever is in it", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const scenario = randomScenario(seed, [4, 7, 10]);
      expect(parseScenario(writeScenario(scenario), "again")).toEqual(scenario);
    }
  });
});

describe("shrinking", () => {
  it("leaves the faults that it takes, and no noise", async () => {
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
  });

  it("stops when its runs are used up, with the smallest that failed", async () => {
    const scenario = parseScenario(twoGone, "two.yaml");
    const found = await shrink({ scenario, seed: 4, maxRuns: 4 });
    expect(found?.runs).toBe(4);
    expect(found?.smallest).toBe(false);
    expect(found?.failure.checker).toBe("expected");
  });

  it("prints a file that fails in the same way, with the command that shows it", async () => {
    const folder = await temporaryFolder();
    const [file, out] = [join(folder, "two.yaml"), join(folder, "shrunk.yaml")];
    writeFileSync(file, twoGone);
    const shrunk = await runCli(["sim", "shrink", file, "--seed", "4", "--out", out]);
    expect(shrunk.code).toBe(0);
    expect(shrunk.stderr).toMatch(/^6 faults became 2 in \d+ runs$/m);
    expect(readFileSync(out, "utf8")).toContain(`# whitepay sim run ${out} --seed 4   (commit `);
    const again = await runCli(["sim", "run", out, "--seed", "4"]);
    expect(again.code).toBe(1);
    // A failure says how to see it again.
    expect(again.stderr).toMatch(
      /does not hold: expected at block \d+: settled: expected 1, actual 0\n {2}seed 4, commit \w+; see it again: whitepay sim replay .*shrunk.yaml --seed 4 --trace/,
    );
  });

  it("refuses a run that holds", async () => {
    const { code, stderr } = await runCli(["sim", "shrink", "7"]);
    expect(code).toBe(2);
    expect(stderr).toContain("nothing to shrink: the run holds");
  });
});
