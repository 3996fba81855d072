import { readFile } from "node:fs/promises";
import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { reasons } from "../../protocol/reasons.ts";
import { reasonsPage } from "../../scripts/docs/reasons.ts";

it("docs/reasons.md is generated from the present table of reasons", async () => {
  const page = await readFile(new URL("../../docs/reasons.md", import.meta.url), "utf8");
  expect(page).toBe(reasonsPage());
});

it("every reason is used somewhere in the keeper", () => {
  const root = new URL("../../", import.meta.url).pathname;
  const files = globSync("{protocol,daemon,keeper}/**/*.ts", { cwd: root }).filter(
    (file) => file !== "protocol/reasons.ts",
  );
  const text = files.map((file) => readFileSync(root + file, "utf8")).join("\n");
  const unused = Object.keys(reasons).filter((code) => !new RegExp(`["']${code}["']`).test(text));
  expect(unused).toEqual([]);
});
