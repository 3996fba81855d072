/** A copy of the project in which faults are planted; the original does not change. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectRoot } from "../../scripts/paths.ts";
import { editsOf } from "./faults.ts";
import type { Fault } from "./faults.ts";
import { replaceCode } from "./plant.ts";

export class Tree {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies tracked and untracked files, without ignored ones such as builds and data. */
  static async copy(): Promise<Tree> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-mutation-"));
    const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
      cwd: projectRoot,
      encoding: "utf8",
    });
    for (const file of listed.split("\0").filter((name) => name !== "")) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      // git still lists a file whose removal is not committed.
      await cp(join(projectRoot, file), join(folder, file)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
    await symlink(join(projectRoot, "node_modules"), join(folder, "node_modules"), "dir");
    return new Tree(folder);
  }

  /** Plants the fault for as long as `during` runs. */
  async with<T>(fault: Fault, during: () => Promise<T>): Promise<T> {
    const before = new Map<string, string>();
    try {
      for (const { file, find, put } of editsOf(fault)) {
        const path = join(this.folder, file);
        const source = await readFile(path, "utf8");
        if (!before.has(path)) before.set(path, source);
        await writeFile(path, replaceCode(source, find, put));
      }
      return await during();
    } finally {
      for (const [path, source] of before) await writeFile(path, source);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
