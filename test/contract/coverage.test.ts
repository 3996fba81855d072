/** Lines and statements of contracts/ that the contract tests run; a build of its own, so in the long run only. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/lib/paths.ts";

const long = process.env["WHITEPAY_LONG"] === "1";
const suites = [
  "settle",
  "registry",
  "money",
  "members",
  "merkle",
  "bls",
  "corners",
  "attacks",
  "merkle-attacks",
  "outlook",
];

describe("the contract tests", () => {
  it("measured for coverage are there", () => {
    for (const suite of suites) {
      expect(existsSync(join(projectRoot, "test", "contract", `${suite}.test.ts`)), suite).toBe(true);
    }
  });

  for (const least of long ? [98] : []) {
    it(`run ${least} % of lines and of statements`, () => {
      const build = mkdtempSync(join(tmpdir(), "whitepay-coverage-"));
      const script = join(projectRoot, "test", "support", "contracts", "coverage.ts");
      const run = spawnSync(process.execPath, [script, build, ...suites], {
        cwd: projectRoot,
        encoding: "utf8",
        env: { ...process.env, HARDHAT_COVERAGE: "true", WHITEPAY_COVERAGE_BUILD: build, NO_COLOR: "1" },
      });
      rmSync(build, { recursive: true });
      expect(run.status, run.stderr).toBe(0);
      const [, lines, statements] = /║ Total\s*│\s*([\d.]+)\s*│\s*([\d.]+)/.exec(run.stdout) ?? [];
      console.log(`coverage of contracts/: ${lines} % of lines, ${statements} % of statements`);
      expect(Number(lines)).toBeGreaterThanOrEqual(least);
      expect(Number(statements)).toBeGreaterThanOrEqual(least);
    }, 900_000);
  }
});
