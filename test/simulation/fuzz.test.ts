import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { campaign, seedsOf } from "../../sim/campaign/campaign.ts";
import type { PlayedSeed, Player } from "../../sim/campaign/campaign.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";

const fuzz = ["sim", "fuzz", "--seed", "700", "--seeds", "6", "--json"];

/** The whole campaign, played once. */
const whole = runCli([...fuzz, "--cores", "1"]);

describe("a campaign", () => {
  it("prints the same output for any number of cores, to the byte", async () => {
    const [one, three] = [await whole, await runCli([...fuzz, "--cores", "3"])];
    expect({ code: one.code, stderr: one.stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(one.stdout)).toMatchObject({ runs: 6, failures: [] });
    expect(three).toEqual(one);
  });

  it("equals the sum of its shards, which play every seed once", async () => {
    const folder = await temporaryFolder();
    const files: string[] = [];
    for (const shard of ["1/2", "2/2"]) {
      const { code, stdout } = await runCli([...fuzz, "--shard", shard, "--cores", "1"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ runs: 3 });
      const file = join(folder, `${shard.replace("/", "-of-")}.json`);
      await writeFile(file, stdout);
      files.push(file);
    }
    const merged = await runCli(["sim", "merge", ...files, "--json"]);
    expect(merged.code).toBe(0);
    expect(JSON.parse(merged.stdout)).toEqual(JSON.parse((await whole).stdout));
    const missing = await runCli(["sim", "merge", ...files.slice(1)]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("shards 1, 2 of 2");
    expect(missing.stderr).toContain("shards 2");
    const twice = await runCli(["sim", "merge", ...files, files[0] ?? ""]);
    expect(twice.code).toBe(2);
    expect(twice.stderr).toContain("shards 1, 1, 2");
    const other = join(folder, "other.json");
    await writeFile(other, merged.stdout.replace('"first":700', '"first":701'));
    const mixed = await runCli(["sim", "merge", other, files[0] ?? ""]);
    expect(mixed.code).toBe(2);
    expect(mixed.stderr).toContain("of another campaign");
  });

  it("fails and names the seed if a shard found a violation", async () => {
    const folder = await temporaryFolder();
    const { stdout } = await whole;
    const file = join(folder, "whole.json");
    const failures = '[{"seed":703,"checker":"S1","block":70,"text":"a gap"}]';
    await writeFile(file, stdout.replace('"failures":[]', `"failures":${failures}`));
    const { code, stderr } = await runCli(["sim", "merge", file]);
    expect(code).toBe(1);
    expect(stderr).toContain("does not hold: S1 at block 70: a gap");
    expect(stderr).toContain("whitepay sim replay 703 --keepers 4 --trace");
  });

  it.each(["0/3", "4/3", "1", "1/0", "01/3", "1/2/3", "-1/2"])("refuses the shard %s", async (shard) => {
    const { code, stderr } = await runCli(["sim", "fuzz", "--shard", shard]);
    expect(code).toBe(2);
    expect(stderr).toContain("i/n with 1 ≤ i ≤ n");
  });
});

describe("seeds of shards", () => {
  it("are all seeds of the campaign, each in one shard", () => {
    const all = [1, 2, 3].flatMap((index) => [...seedsOf(10, 8, { index, of: 3 })]);
    expect(all.sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17]);
    expect([...seedsOf(10, 2, { index: 3, of: 3 })]).toEqual([]);
  });
});

/** Plays seeds at a pace of their own, in turns of the event loop. */
function playerOf(fails: readonly number[], slow: readonly number[]): Player {
  return async (seed): Promise<PlayedSeed> => {
    for (let i = 0; i < (slow.includes(seed) ? 50 : 1); i++) await new Promise((done) => setImmediate(done));
    const violations = fails.includes(seed) ? [{ checker: "S1", block: 1, text: `seed ${seed}` }] : [];
    return { seed, settled: 1, faults: { crash: 1 }, violations };
  };
}

describe("the failure that a campaign reports", () => {
  it("is that of the lowest seed, even if a higher seed failed earlier, and no higher seed counts", async () => {
    const player = playerOf([13, 14], [13]);
    const one = await campaign({ first: 10, count: 20, players: [player] });
    const four = await campaign({ first: 10, count: 20, players: [player, player, player, player] });
    expect(four.failure?.seed).toBe(13);
    expect(four.runs).toBe(4);
    expect(four).toEqual(one);
  });
});
