/** `npm run release` as a maintainer starts it, in a copy of this tree with a repository of its own. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/paths.ts";
import { sharedFolder } from "../support/files.ts";
import { copyTree } from "../support/tree-copy.ts";
import { start, type CliResult } from "../support/cli.ts";

const run = promisify(execFile);
const notes = "- Keeper: answers faster.";

let root: string;
let remove: () => Promise<void>;
let version: string;

async function git(...args: string[]): Promise<string> {
  return (await run("git", args, { cwd: root })).stdout.trim();
}

async function commit(message: string): Promise<string> {
  await git("add", "--all");
  await git("commit", "--quiet", "--message", message);
  return git("rev-parse", "HEAD");
}

/** Without this run's own settings: they may name another build of the contracts, or fewer tests. */
function release(): Promise<CliResult> {
  const own = Object.keys(process.env).filter((name) => name.startsWith("WHITEPAY_"));
  const unset = own.flatMap((name) => ["-u", name]);
  return start("env", [...unset, "npm", "run", "release", "--", version], { cwd: root }).ended;
}

beforeAll(async () => {
  ({ folder: root, remove } = await sharedFolder());
  await copyTree(root);
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  version = `${Number(manifest.version.split(".")[0]) + 1}.0.0`;
  await writeFile(join(root, "CHANGELOG.md"), `# Changelog\n\n## Unreleased\n\n${notes}\n`);
  await git("init", "--quiet");
  await git("config", "user.name", "Test");
  await git("config", "user.email", "test@localhost");
  await writeFile(join(root, ".git/info/exclude"), "/node_modules\n");
  // The contracts are compiled: their cache is the newest file, as after a build.
  for (const built of ["artifacts", "cache"]) {
    await cp(join(projectRoot, built), join(root, built), { recursive: true });
  }
});
afterAll(() => remove?.());

describe("npm run release", () => {
  it("removes its commit and makes no tag if a package cannot be built", async () => {
    await rm(join(root, "LICENSE"));
    const before = await commit("remove the license");
    const { code, stderr } = await release();
    expect(code).toBe(1);
    expect(stderr).toMatch(/release: .*LICENSE/);
    expect(await git("rev-parse", "HEAD")).toBe(before);
    expect(await git("tag", "--list")).toBe("");
    expect(await git("status", "--porcelain")).toBe("");
  });

  it("builds the packages, tests them, writes the changelog, commits and tags", async () => {
    await cp(join(projectRoot, "LICENSE"), join(root, "LICENSE"));
    const before = await commit("add the license");
    const { code, stdout, stderr } = await release();
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`committed and tagged v${version}; nothing was pushed or published`);
    for (const file of ["client", "command.long", "contracts"]) {
      expect(stderr).toContain(`test/package/${file}.test.ts`);
    }
    expect(await git("rev-parse", "HEAD~1")).toBe(before);
    expect(await git("rev-parse", `v${version}^{commit}`)).toBe(await git("rev-parse", "HEAD"));
    expect(await git("log", "-1", "--format=%s")).toBe(`release: ${version}`);
    expect(await git("status", "--porcelain")).toBe("");
    expect(await readFile(join(root, "CHANGELOG.md"), "utf8")).toMatch(
      new RegExp(`^## Unreleased\n\n## ${version} - \\d{4}-\\d\\d-\\d\\d\n\n${notes}\n`, "m"),
    );
    const tarballs = readdirSync(join(root, "build")).sort();
    expect(tarballs).toEqual(
      ["whitepay", "whitepay-client", "whitepay-contracts"].map((name) => `${name}-${version}.tgz`),
    );
    for (const tarball of tarballs) {
      const of = ["--extract", "--to-stdout", "--file", join(root, "build", tarball), "package/package.json"];
      expect(JSON.parse((await run("tar", of)).stdout)).toMatchObject({ version });
    }
  });
});
