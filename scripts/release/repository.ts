/** Changes of a release in the repository: versions, changelog, one commit, one tag. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { unreleasedNotes, withRelease } from "./changelog.ts";
import { assertNext, withVersion } from "./version.ts";

/** Files with the project's version, and how many fields of each hold it. */
const versioned: Readonly<Record<string, number>> = {
  "package.json": 1,
  "client/package.json": 1,
  "package-lock.json": 2,
};

const changelog = "CHANGELOG.md";

export class Repository {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async #git(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("git", args, { cwd: this.#root });
    return stdout.trim();
  }

  async version(): Promise<string> {
    const text = await readFile(join(this.#root, "package.json"), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  }

  head(): Promise<string> {
    return this.#git("rev-parse", "HEAD");
  }

  /** @throws if a release of this version cannot start here: nothing has changed then */
  async assertReady(version: string): Promise<void> {
    assertNext(version, await this.version());
    unreleasedNotes(await readFile(join(this.#root, changelog), "utf8"));
    const changes = await this.#git("status", "--porcelain");
    if (changes !== "")
      throw new Error(`the work tree: expected no changes, actual\n${changes}\ncommit them first`);
    const tags = await this.#git("tag", "--list", `v${version}`);
    if (tags !== "")
      throw new Error(`the tag v${version}: expected none, actual one exists; choose another version`);
  }

  /** Writes the version and the changelog, and commits both. */
  async commitRelease(version: string, date: string): Promise<void> {
    const current = await this.version();
    for (const [file, count] of Object.entries(versioned)) {
      const path = join(this.#root, file);
      await writeFile(path, withVersion(await readFile(path, "utf8"), current, version, count));
    }
    const path = join(this.#root, changelog);
    await writeFile(path, withRelease(await readFile(path, "utf8"), version, date));
    await this.#git("add", changelog, ...Object.keys(versioned));
    await this.#git("commit", "--quiet", "--message", `release: ${version}`);
  }

  async tag(version: string): Promise<void> {
    await this.#git("tag", "--annotate", `v${version}`, "--message", `WhitePay ${version}`);
  }

  /** Removes the commit of the release; uncommitted changes stay. */
  async backTo(commit: string): Promise<void> {
    await this.#git("reset", "--quiet", "--keep", commit);
  }
}
