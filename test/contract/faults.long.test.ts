import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { placesOf } from "../mutation/plant.ts";
import { buildFaulty, faults, switchOf } from "../support/contracts/faults.ts";

const folder = mkdtempSync(join(tmpdir(), "whitepay-faults-"));

/** Runs the tests that must detect a fault, on a chain with that fault or with none. */
function runSuite(suite: string, only: string, fault: number | undefined): Promise<string> {
  const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", `test/contract/${suite}.test.ts`, "-t", only];
  const chosen = fault === undefined ? "" : switchOf(fault);
  const env = { ...process.env, WHITEPAY_ARTIFACTS: folder, WHITEPAY_FAULT: chosen, WHITEPAY_LONG: "" };
  const run = spawn(process.execPath, args, { cwd: projectRoot, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  run.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  run.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    run.once("error", reject);
    run.once("close", () => resolve(output));
  });
}

beforeAll(() => buildFaulty(folder), 1_200_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe("planted faults", () => {
  it("are planted in code that occurs in the contracts exactly once", () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
    expect(faults.length).toBeGreaterThanOrEqual(25);
    for (const { file, original, pure, name } of faults) {
      const text = readFileSync(join(projectRoot, "contracts", file), "utf8");
      for (const code of [original, ...(pure === undefined ? [] : [pure])])
        expect(placesOf(text, code), name).toHaveLength(1);
    }
  });

  it("have no effect while they are off", async () => {
    const suites = [...new Set(faults.map(({ suite }) => suite))];
    for (const suite of suites) {
      const only = faults.filter((fault) => fault.suite === suite).map((fault) => fault.only);
      const output = await runSuite(suite, only.join("|"), undefined);
      expect(output, suite).not.toMatch(/(?:Tests|Test Files) .*\d+ failed/);
      expect(output, suite).toMatch(/Tests .*\d+ passed/);
    }
    expect(await runSuite("sequences", "", undefined)).toMatch(/Tests .*\d+ passed/);
  }, 900_000);

  faults.forEach(({ name, suite, only, sequences }, i) => {
    it.concurrent(`is caught: ${name}`, async () => {
      // The tests ran and failed, rather than not having started.
      expect(await runSuite(suite, only, i)).toMatch(/Tests .*\d+ failed/);
    }, 300_000);
    if (sequences !== true) return;
    it.concurrent(`is come to by random sequences: ${name}`, async () => {
      const output = await runSuite("sequences", "moves money exactly like the model", i);
      expect(output).toMatch(/Tests .*\d+ failed/);
      // A difference between model and contract, rather than a call that never happened.
      expect(output).toMatch(/the model .*, the contract/);
    }, 900_000);
  });
});
