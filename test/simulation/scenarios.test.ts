import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { behaviours } from "../../sim/byzantine/behaviours.ts";
import { faultKinds, parseScenario } from "../../sim/scenario/schema.ts";
import { simulate } from "../../sim/simulate.ts";
import { runCli } from "../support/cli.ts";

const files = globSync("sim/scenarios/*.yaml", { cwd: projectRoot }).sort();
const read = (file: string) => parseScenario(readFileSync(join(projectRoot, file), "utf8"), file);

describe("the library of scenarios", () => {
  it("has forty or more scenarios and all kinds of faults", () => {
    expect(files.length).toBeGreaterThanOrEqual(40);
    const kinds = new Set(files.flatMap((file) => read(file).faults.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual([...faultKinds].sort());
  });

  it.each(files.map((file) => [basename(file, ".yaml"), file]))("%s passes", async (_name, file) => {
    const scenario = read(file);
    const result = await simulate(scenario, 1);
    expect(result.violations).toEqual([]);
    expect(result.settled).toBeGreaterThanOrEqual(scenario.expect.settled ?? 0);
    expect(Object.values(result.faults).reduce((a, b) => a + b, 0)).toBe(scenario.faults.length);
  });
});

describe("the same seed", () => {
  it("gives the same trace in another process, to the byte", async () => {
    const file = "sim/scenarios/storm.yaml";
    const here = await simulate(read(file), 5);
    const there = await runCli(["sim", "run", file, "--seed", "5", "--json"]);
    expect(there.code).toBe(0);
    expect((JSON.parse(there.stdout) as { traceHash: string }).traceHash).toBe(here.traceHash);
  });
});

describe("docs/simulation.md", () => {
  const page = readFileSync(join(projectRoot, "docs/simulation.md"), "utf8");

  it("shows a scenario that passes", async () => {
    const text = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? "";
    const scenario = parseScenario(text, "docs/simulation.md");
    const result = await simulate(scenario, 1);
    expect(result.violations).toEqual([]);
    expect(result.settled).toBe(5);
  });

  it("explains every kind of fault and every behaviour", () => {
    const explained = new Set([...page.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
    const names = [...faultKinds, ...Object.keys(behaviours), "collude"];
    expect(names.filter((name) => !explained.has(name))).toEqual([]);
  });
});

describe("a scenario file", () => {
  const bad: readonly [string, string, string][] = [
    ["an unknown key", "name: x\nparams:\n  intervall: 4\n", "bad.yaml:3: params: Unrecognized key"],
    [
      "a keeper that is none",
      "name: x\nfaults:\n  - {when: {block: 1}, kind: restart, keeper: 9}\n",
      "expected below 4, actual 9",
    ],
    [
      "an unknown fault",
      "name: x\nfaults:\n  - {when: {block: 1}, kind: crush}\n",
      "bad.yaml:3: faults.0.kind",
    ],
    ["a committee of five", "name: x\ncommittee: 5\n", "bad.yaml:2: committee: expected 3f+1"],
    [
      "a group that no contract takes, in the contract's words (R4)",
      "name: x\nparams:\n  slot: 5\n  turn: 24\n",
      "bad.yaml:3: params: no contract takes this group (R4): slot divides turn: expected 0, actual 4",
    ],
    [
      "turns too short for one keeper that is away (R4)",
      "name: x\nparams: {turn: 15, confirmations: 1}\n",
      "2/3 turn >= time for its round: expected 16, actual 10",
    ],
    ["no YAML", "name: [", "bad.yaml"],
  ];
  it.each(bad)("is refused for %s, with the line or field", (_name, text, message) => {
    expect(() => parseScenario(text, "bad.yaml")).toThrow(message);
  });
});
