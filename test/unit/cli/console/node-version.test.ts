import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isTooOld, oldestNode } from "../../../../cli/console/node-version.ts";
import { projectRoot } from "../../../../scripts/paths.ts";

describe("the oldest Node of the installed command", () => {
  it.each(["20.20.2", "22.0.0", "22.12.1", "18.19.0"])("is newer than %s", (version) => {
    expect(isTooOld(version)).toBe(true);
  });

  it.each([oldestNode, "22.13.1", "22.14.0", "23.0.0", "24.21.0"])("is not newer than %s", (version) => {
    expect(isTooOld(version)).toBe(false);
  });

  it("is checked by a file that an old Node can load: it imports nothing", () => {
    const source = readFileSync(join(projectRoot, "cli/console/node-version.ts"), "utf8");
    expect(source).not.toMatch(/\bimport\b.*["']/);
  });
});
