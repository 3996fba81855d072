/** Runs the Solidity invariants (contracts/test) with Hardhat's fuzzer. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";

describe("invariants in Solidity", () => {
  it("hold after any sequence of calls", () => {
    const source = readFileSync(join(projectRoot, "contracts", "test", "GroupInvariants.t.sol"), "utf8");
    const written = source.match(/function invariant_\w+/g) ?? [];
    const hardhat = join(projectRoot, "node_modules", "hardhat", "dist", "src", "cli.js");
    const run = spawnSync(process.execPath, [hardhat, "test", "solidity"], {
      cwd: projectRoot,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toContain(`${written.length} passing`);
    expect(written.length).toBe(4);
  }, 1_200_000);
});
