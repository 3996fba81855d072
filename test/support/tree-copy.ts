/** A copy of the project's tree, for tests that change files or commit. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { projectRoot } from "../../scripts/paths.ts";

/** Copies tracked and untracked files, without ignored ones such as builds and data; node_modules becomes a link. */
export async function copyTree(folder: string): Promise<void> {
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
}
