import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { projectRoot } from "../../scripts/paths.ts";

type Step = { uses?: string; run?: string };
type Workflow = { permissions: unknown; jobs: Record<string, { steps: Step[] }> };

const text = readFileSync(join(projectRoot, ".github", "workflows", "ci.yml"), "utf8");
const workflow = parse(text) as Workflow;
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

describe("the CI workflow", () => {
  it("runs .ci/run and no other command", () => {
    expect(steps.flatMap(({ run }) => run ?? [])).toEqual([".ci/run"]);
  });

  it("pins every action to a commit", () => {
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  it("reads the repository only and uses no secret", () => {
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(text).not.toContain("secrets.");
  });
});
