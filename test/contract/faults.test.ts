import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/lib/paths.ts";
import { buildFaulty, faults, type Fault } from "../support/contracts/faults.ts";

const long = process.env["WHITEPAY_LONG"] === "1";
/** A compilation takes seconds: the normal run tries one, the long run all. */
const tried = long ? faults : faults.filter(({ suite }) => suite === "registry").slice(0, 1);

/** Whether the part of the suite that should notice passes on a build; it must on the true one. */
function suitePasses(fault: Fault, build: string): { passes: boolean; output: string } {
  const vitest = join(projectRoot, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", `test/contract/${fault.suite}.test.ts`, "-t", fault.only];
  const env = { ...process.env, WHITEPAY_ARTIFACTS: build, WHITEPAY_LONG: "" };
  const run = spawnSync(process.execPath, args, { cwd: projectRoot, env, encoding: "utf8" });
  return { passes: run.status === 0, output: run.stdout };
}

describe("planted faults", () => {
  it("are thirteen, each of text that is in the contracts exactly once", () => {
    expect(faults.length).toBeGreaterThanOrEqual(10);
    for (const { file, original, name } of faults) {
      const text = readFileSync(join(projectRoot, "contracts", file), "utf8");
      expect(text.split(original).length - 1, name).toBe(1);
    }
  });

  for (const fault of tried) {
    it(`is caught: ${fault.name}`, () => {
      const folder = mkdtempSync(join(tmpdir(), "whitepay-fault-"));
      try {
        buildFaulty(fault, folder);
        const faulty = suitePasses(fault, folder);
        expect(faulty.passes).toBe(false);
        // It ran the tests and they failed, rather than not having started.
        expect(faulty.output).toMatch(/\d+ failed/);
        expect(suitePasses(fault, join(projectRoot, "artifacts")).passes).toBe(true);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }, 300_000);
  }
});
