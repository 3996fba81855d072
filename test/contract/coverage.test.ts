/**
 * Lines and statements of contracts/ that the contract tests run. Measuring takes a build of its own and minutes, so it is
 * done in the long run, which writes down the figures and what they were measured on; the normal run holds both against the
 * contracts as they are (`WHITEPAY_LONG=1 WHITEPAY_WRITE_COVERAGE=1 vitest run test/contract/coverage.test.ts` measures anew).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";

const long = process.env["WHITEPAY_LONG"] === "1";
const least = 98;
const suites = [
  "settle",
  "registry",
  "money",
  "funds",
  "members",
  "merkle",
  "bls",
  "corners",
  "attacks",
  "merkle-attacks",
  "outlook",
];
const file = join(projectRoot, "test", "vectors", "coverage.json");

type Measured = { sources: string; suites: string[]; lines: number; statements: number };

/** A digest of all that is measured: the contracts without harness, demo and interfaces, which hold no logic of a group. */
function sources(): string {
  const paths = globSync("contracts/**/*.sol", { cwd: projectRoot }).filter(
    (path) => !/^contracts\/(harness|demo|interfaces|test)\//.test(path),
  );
  const hash = createHash("sha256");
  for (const path of paths.toSorted())
    hash.update(`${path}\n${readFileSync(join(projectRoot, path), "utf8")}`);
  return hash.digest("hex");
}

function measure(): Measured {
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
  return { sources: sources(), suites, lines: Number(lines), statements: Number(statements) };
}

describe("the contract tests", () => {
  it(`run ${least} % of lines and of statements of the contracts as they are`, () => {
    const measured = long ? measure() : (JSON.parse(readFileSync(file, "utf8")) as Measured);
    console.log(
      `coverage of contracts/: ${measured.lines} % of lines, ${measured.statements} % of statements`,
    );
    if (long && process.env["WHITEPAY_WRITE_COVERAGE"] === "1") {
      writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`);
    }
    expect(measured.lines).toBeGreaterThanOrEqual(least);
    expect(measured.statements).toBeGreaterThanOrEqual(least);
    // The figures that are written down are of these sources and these tests.
    const written = JSON.parse(readFileSync(file, "utf8")) as Measured;
    expect({ sources: written.sources, suites: written.suites }).toEqual({ sources: sources(), suites });
    expect(Math.abs(written.lines - measured.lines)).toBeLessThan(0.5);
    expect(Math.abs(written.statements - measured.statements)).toBeLessThan(0.5);
  }, 1_800_000);
});
