/** "1 piece", not "1 pieces": counts in texts are written by `counted`. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";

const folders = [
  "archive",
  "ceremony",
  "cli",
  "client",
  "daemon",
  "keeper",
  "provider",
  "provider-sim",
  "scripts/demo",
  "scripts/fleet",
];
const nouns = [
  "blocks",
  "challenges",
  "coins",
  "endpoints",
  "entries",
  "files",
  "groups",
  "intervals",
  "keepers",
  "members",
  "months",
  "pieces",
  "providers",
  "ranges",
  "rows",
  "runs",
  "settlements",
  "slots",
  "units",
];
const counts = new RegExp(`\\} (?:${nouns.join("|")})\\b(?!/)`, "g");

const plurals = (text: string): string[] => text.match(counts) ?? [];

it("no text has a plural noun behind a number that can be 1", () => {
  const files = globSync(`{${folders.join()}}/**/*.ts`, { cwd: projectRoot });
  expect(files.length).toBeGreaterThan(50);
  const found = files.flatMap((file) =>
    plurals(readFileSync(join(projectRoot, file), "utf8")).map((text) => `${file}: ${text}`),
  );
  expect(found).toEqual([]);
});

it("the check finds one", () => {
  expect(plurals("`${pieces.length} pieces, ${size(list)}`")).toEqual(["} pieces"]);
  expect(plurals('`${counted(pieces.length, "piece")}, ${size(list)}`')).toEqual([]);
});
