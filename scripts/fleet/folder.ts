/** The folder with the keys, data and logs of a fleet. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { usageError } from "../../cli/console/exit.ts";
import { counted } from "../../protocol/counted.ts";

export type DataFolder = {
  path: string;
  /** Removes a temporary folder; a folder that the user named stays. */
  dispose(): Promise<void>;
};

/** @throws CliError (exit 2) if the named folder is not empty */
export async function openDataFolder(
  named: string | undefined,
  what: "demo" | "devnet",
): Promise<DataFolder> {
  if (named === undefined) {
    const path = await mkdtemp(join(tmpdir(), `whitepay-${what}-`));
    return { path, dispose: () => rm(path, { recursive: true, force: true }) };
  }
  const path = resolve(named);
  await mkdir(path, { recursive: true, mode: 0o700 });
  const entries = await readdir(path);
  if (entries.length > 0) {
    throw usageError("--data-dir is not usable", {
      expected: `a new or empty folder, as a ${what} starts a chain of its own`,
      actual: `${path} holds ${counted(entries.length, "entry", "entries")}`,
    });
  }
  return { path, dispose: async () => undefined };
}
