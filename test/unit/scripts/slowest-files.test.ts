import { describe, expect, it } from "vitest";
import { slowestFiles } from "../../../scripts/slowest-files.ts";

const file = (name: string, time_ms: number) => ({
  name: `/project/test/${name}.test.ts`,
  startTime: 1_000,
  endTime: 1_000 + time_ms,
});

describe("the slowest test files of a run", () => {
  it("are listed slowest first, with seconds and the path inside the project", () => {
    expect(slowestFiles([file("a", 1_240), file("b", 63_000), file("c", 0)], "/project")).toEqual([
      "   63.0 s  test/b.test.ts",
      "    1.2 s  test/a.test.ts",
      "    0.0 s  test/c.test.ts",
    ]);
  });

  it("are at most ten, files of equal time in the order of their paths", () => {
    const files = ["k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a"].map((name) => file(name, 500));
    const lines = slowestFiles(files, "/project");
    expect(lines).toHaveLength(10);
    expect(lines[0]).toContain("a.test.ts");
    expect(lines.at(-1)).toContain("j.test.ts");
  });

  it("are an empty list if no file ran", () => {
    expect(slowestFiles([], "/project")).toEqual([]);
  });
});
