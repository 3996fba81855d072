/** A copy of the project in a folder of its own, in which faults can be planted while the original stays as it is. */
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

  /** What git knows or would know of: no build, no data of a run. */
  static async copy(): Promise<Tree> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-mutation-"));
    const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
      cwd: projectRoot,
      encoding: "utf8",
    });
    for (const file of listed.split("\0").filter((name) => name !== "")) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      // A file that was removed and is not committed yet is still listed.
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
