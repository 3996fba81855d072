/** Scenarios by name: `sim list` prints the names that `sim run` takes. */
import { describe, expect, it } from "vitest";
import { load, scenarioNames } from "../../../../cli/sim/scenario.ts";
import { runCli } from "../../../support/cli.ts";

describe("whitepay sim", () => {
  it("list prints each scenario by the name that run accepts", async () => {
    const { code, stdout, stderr } = await runCli(["sim", "list"]);
    expect(code).toBe(0);
    const listed = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(listed).toEqual(scenarioNames());
    expect(listed).toContain("all-is-well");
    expect(stderr).toContain("whitepay sim run NAME");
  });

  it("run accepts a name or a path, with the same result", async () => {
    const runs = await Promise.all(
      ["all-is-well", "sim/scenarios/all-is-well.yaml"].map((scenario) =>
        runCli(["sim", "run", scenario, "--json"]),
      ),
    );
    const [byName, byPath] = runs;
    expect(byName).toMatchObject({ code: 0, stdout: byPath?.stdout });
    expect(JSON.parse(byName?.stdout ?? "")).toMatchObject({ seed: 1, violations: [] });
  });

  it("run refuses an unknown name and suggests the nearest one", async () => {
    const { code, stdout, stderr } = await runCli(["sim", "run", "all-is-wel"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain('there is no scenario "all-is-wel"');
    expect(stderr).toContain("did you mean all-is-well?");
  });

  it("every listed scenario is valid", async () => {
    for (const name of scenarioNames()) expect((await load(name)).name).not.toBe("");
  });
});
