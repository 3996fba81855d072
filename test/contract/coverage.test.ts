/**
 * Lines and statements of contracts/ that the contract tests run. A measurement needs a build of its own and minutes, so only
 * the long run measures. test/vectors/coverage.json keeps the figures and a digest of the measured code; the normal run compares
 * the digest with the present contracts. To measure and write the file:
 * `WHITEPAY_LONG=1 WHITEPAY_WRITE_COVERAGE=1 vitest run test/contract/coverage.test.ts`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { partNames } from "../../cli/deploy/system.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { projectRoot } from "../../scripts/paths.ts";

const long = process.env["WHITEPAY_LONG"] === "1";
const least = 98;
const suites = [
  "abandon",
  "bls",
  "bounds",
  "certify",
  "factory",
  "forming",
  "funds",
  "later-settlement",
  "lens",
  "lens-committee",
  "money",
  "precompiles",
  "providers",
  "range-proofs",
  "real-abandon",
  "real-arrears",
  "real-corners",
  "real-refusals",
  "real-service",
  "registry",
  "scope",
  "service",
  "settle",
  "shortfall",
  "versions",
  "vouchers",
  "vouchers-sequences",
  "vouchers-tokens",
];
const file = join(projectRoot, "test", "vectors", "coverage.json");

type Measured = { code: string; suites: string[]; lines: number; statements: number };

/** Compiled code without its last part: metadata, with a hash of the sources and so of their comments. */
function withoutMetadata(code: string): string {
  const size = 2 + Number.parseInt(code.slice(-4), 16);
  return code.slice(0, -2 * size);
}

/** A digest of the measured code: all contracts without harness and demo. Comments and formatting do not change it. */
function codeDigest(): string {
  const hash = createHash("sha256");
  for (const name of partNames) {
    hash.update(`${name}\n${withoutMetadata(artifact(name).bytecode)}\n`);
  }
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
  return { code: codeDigest(), suites, lines: Number(lines), statements: Number(statements) };
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
    // The kept figures belong to this code and these tests.
    const written = JSON.parse(readFileSync(file, "utf8")) as Measured;
    expect({ code: written.code, suites: written.suites }).toEqual({ code: codeDigest(), suites });
    expect(Math.abs(written.lines - measured.lines)).toBeLessThan(0.5);
    expect(Math.abs(written.statements - measured.statements)).toBeLessThan(0.5);
  }, 1_800_000);
});
