/** Versions, changelog, commit and tag of a release, in a small repository of a real git. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { Repository } from "../../../../scripts/release/repository.ts";
import { temporaryFolder } from "../../../support/files.ts";

let root: string;
let repository: Repository;

async function git(...args: string[]): Promise<string> {
  return (await promisify(execFile)("git", args, { cwd: root })).stdout.trim();
}

const read = (file: string): Promise<string> => readFile(join(root, file), "utf8");

const notes = "- Operators: start each keeper once.\n- New: packages.";

beforeEach(async () => {
  root = await temporaryFolder();
  repository = new Repository(root);
  const manifest = '{\n  "name": "whitepay",\n  "version": "0.1.0"\n}\n';
  await mkdir(join(root, "client"));
  await writeFile(join(root, "package.json"), manifest);
  await writeFile(join(root, "client/package.json"), manifest);
  const lock = {
    version: "0.1.0",
    packages: { "": { version: "0.1.0" }, "node_modules/a": { version: "0.1.0" } },
  };
  await writeFile(join(root, "package-lock.json"), JSON.stringify(lock, null, 2));
  await writeFile(
    join(root, "CHANGELOG.md"),
    `# Changelog\n\n## Unreleased\n\n${notes}\n\n## 0.1.0 - 2026-01-01\n\n- First.\n`,
  );
  await git("init", "--quiet");
  await git("config", "user.name", "Test");
  await git("config", "user.email", "test@localhost");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "begin");
});

describe("a release", () => {
  it("sets each version of the project, moves the notes, commits and tags", async () => {
    await repository.assertReady("0.2.0");
    await repository.commitRelease("0.2.0", "2026-02-03");
    await repository.tag("0.2.0");
    for (const file of ["package.json", "client/package.json"]) {
      expect(JSON.parse(await read(file))).toEqual({ name: "whitepay", version: "0.2.0" });
    }
    expect(JSON.parse(await read("package-lock.json"))).toEqual({
      version: "0.2.0",
      packages: { "": { version: "0.2.0" }, "node_modules/a": { version: "0.1.0" } },
    });
    expect(await read("CHANGELOG.md")).toBe(
      `# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-03\n\n${notes}\n\n## 0.1.0 - 2026-01-01\n\n- First.\n`,
    );
    expect(await git("status", "--porcelain")).toBe("");
    expect(await git("log", "-1", "--format=%s")).toBe("release: 0.2.0");
    expect(await git("cat-file", "-t", "v0.2.0")).toBe("tag");
  });

  it("removes its commit after a failure, and keeps other changes", async () => {
    const before = await repository.head();
    await repository.commitRelease("0.2.0", "2026-02-03");
    await writeFile(join(root, "new.ts"), "export {};\n");
    await repository.backTo(before);
    expect(await repository.head()).toBe(before);
    expect(await repository.version()).toBe("0.1.0");
    expect(await git("status", "--porcelain")).toBe("?? new.ts");
  });

  it.each([
    ["0.0.9", "expected at least 0.1.0, actual 0.0.9"],
    ["1.0", "expected three numbers as in 1.2.3, actual 1.0"],
    ["v1.0.0", "expected three numbers as in 1.2.3, actual v1.0.0"],
    ["01.0.0", "expected three numbers as in 1.2.3, actual 01.0.0"],
  ])("refuses version %s", async (version, words) => {
    await expect(repository.assertReady(version)).rejects.toThrow(words);
  });

  it.each(["0.1.0", "0.1.1", "0.10.0", "1.0.0"])("accepts version %s after 0.1.0", async (version) => {
    expect(await repository.assertReady(version)).toBeUndefined();
  });

  it("refuses a work tree with changes, an existing tag, and a changelog without notes", async () => {
    await writeFile(join(root, "package.json"), '{ "version": "0.1.1" }');
    await expect(repository.assertReady("0.2.0")).rejects.toThrow("expected no changes");
    await git("checkout", "--quiet", ".");
    await git("tag", "v0.2.0");
    await expect(repository.assertReady("0.2.0")).rejects.toThrow("the tag v0.2.0: expected none");
    await git("tag", "--delete", "v0.2.0");
    await repository.commitRelease("0.2.0", "2026-02-03");
    await expect(repository.assertReady("0.2.1")).rejects.toThrow('expected notes under "## Unreleased"');
  });
});
