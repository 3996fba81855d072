/** Each planted fault still finds its code, once, after changes of format or of other code. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { editsOf, faultFiles, readFaults } from "./faults.ts";
import { placesOf, replaceCode } from "./plant.ts";

const scenarioNames = readdirSync(join(projectRoot, "sim/scenarios"));

describe.each(faultFiles)("%s", (list) => {
  const faults = readFaults(list);
  it.each(faults)("replaces code that occurs once: $name", (fault) => {
    for (const { file, find, put } of editsOf(fault)) {
      const source = readFileSync(join(projectRoot, file), "utf8");
      expect(placesOf(source, find), `${file}: ${find}`).toHaveLength(1);
      expect(replaceCode(source, find, put)).not.toBe(source);
    }
  });

  it.each(faults)("names tests that exist: $name", ({ caught }) => {
    for (const catcher of caught) {
      if (!("test" in catcher)) continue;
      const source = readFileSync(join(projectRoot, catcher.test), "utf8");
      // Some names are in a file of test/support; a test of scenarios takes its names from the files of sim/scenarios.
      const shared = [...source.matchAll(/from "([./]+\/support\/[^"]+)"/g)].map(([, path]) =>
        readFileSync(join(projectRoot, dirname(catcher.test), path as string), "utf8"),
      );
      const names = [source, ...shared, ...scenarioNames];
      const only = catcher.only ?? "";
      expect(
        names.some((text) => text.includes(only)),
        `${catcher.test}: ${only}`,
      ).toBe(true);
    }
  });

  it("has a unique name for each fault", () => {
    const names = faults.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("code to replace", () => {
  const source = 'if (a > 1) {\n  // R1\n  f(\n    "b  c",\n    d,\n  );\n}\n';

  it("is found with other line breaks, indents, comments and trailing commas", () => {
    expect(replaceCode(source, 'if (a>1) { f("b  c", d) ; }', "g();")).toBe("g();\n");
    expect(replaceCode(source, 'f(/* two */ "b  c", d);', "g();")).toBe("if (a > 1) {\n  // R1\n  g();\n}\n");
  });

  it("is not found if a string, a number or an operator differs, nor in a comment", () => {
    for (const other of ['f("b c", d)', "a > 10", "a >= 1", "R1", "f(d)"]) {
      expect(placesOf(source, other), other).toEqual([]);
    }
  });

  it("is refused unless it occurs exactly once", () => {
    expect(() => replaceCode("a; b; a;", "a;", "c;")).toThrow("actual 2 times");
    expect(() => replaceCode("a; b;", "d", "c;")).toThrow("actual 0 times");
    expect(() => replaceCode("a; b;", " // a", "c;")).toThrow("actual none");
  });
});
