/** The files of the dashboard that the HTTP server sends. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dashboardFile } from "../../../../keeper/api/dashboard.ts";
import { projectRoot } from "../../../../scripts/paths.ts";

describe("the dashboard's files", () => {
  it("are all served, scripts without types", async () => {
    const names = await readdir(join(projectRoot, "keeper/dashboard"));
    const served = names.filter((name) => name !== "tsconfig.json");
    expect(served).toContain("app.ts");
    const files = await Promise.all(served.map((name) => dashboardFile(`/${name}`)));
    expect(served.filter((_, i) => files[i] === undefined)).toEqual([]);
    const scripts = files.filter((_, i) => served[i]?.endsWith(".ts"));
    for (const script of scripts) expect(script?.text).not.toMatch(/^import type /m);
    expect((await dashboardFile("/"))?.type).toMatch(/^text\/html/);
  });

  it("do not include other files", async () => {
    for (const path of ["/tsconfig.json", "/../api/app.ts", "/toString", "/app"]) {
      expect(await dashboardFile(path), path).toBeUndefined();
    }
  });
});
