import { describe, expect, it } from "vitest";
import { vitestCounts } from "../../../scripts/test-command.ts";
import { runCli } from "../../support/cli.ts";

describe("whitepay test", () => {
  it("counts a failure when the report is missing, or when the run failed without a failed test", () => {
    const report = { numPassedTests: 5, numFailedTests: 0, success: true };
    expect(vitestCounts(0, report)).toEqual({ passed: 5, failed: 0 });
    expect(vitestCounts(1, report)).toEqual({ passed: 5, failed: 1 });
    expect(vitestCounts(0, { ...report, success: false }).failed).toBe(1);
    expect(vitestCounts(1, { ...report, numFailedTests: 3, success: false }).failed).toBe(3);
    expect(vitestCounts(1, undefined)).toEqual({ passed: 0, failed: 1 });
  });

  it("refuses a path without a test, before anything runs", async () => {
    const { code, stdout, stderr } = await runCli(["test", "test/unit/nothing"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("there is no test at test/unit/nothing");
  });

  it("refuses --fast together with --long, before anything runs", async () => {
    const { code, stdout } = await runCli(["test", "--fast", "--long"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("refuses unknown options", async () => {
    const { code, stderr } = await runCli(["test", "--lon"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean --long?");
  });
});
