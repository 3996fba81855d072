/**
 * A disk of a few KiB for one command: a tmpfs in a separate mount namespace, which ends with the command. If the system refuses such
 * namespaces, `canMount` is false, and tests write to /dev/full instead, where every write fails; it can hold no folder.
 */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { cliScript } from "../../scripts/paths.ts";
import { start, type CliProcess } from "./cli.ts";

const namespace = ["--user", "--map-root-user", "--mount"];

export async function canMount(): Promise<boolean> {
  try {
    await promisify(execFile)("unshare", [...namespace, "mount", "-t", "tmpfs", "none", "/mnt"]);
    return true;
  } catch {
    return false;
  }
}

export type SmallDisk = {
  /** Where the disk is, for the command alone. */
  readonly folder: string;
  readonly kib: number;
  /** Shell lines before the command; `$DISK` is the folder. */
  readonly before?: string;
  /** Shell lines that run beside the command. */
  readonly beside?: string;
};

/** The command line with `folder` on a disk of its own. */
export async function startOnSmallDisk(args: readonly string[], disk: SmallDisk): Promise<CliProcess> {
  const { folder, kib, before = ":", beside } = disk;
  await mkdir(folder, { recursive: true });
  const lines = [
    `mount -t tmpfs -o size=${kib}k none "$DISK"`,
    before,
    ...(beside === undefined ? [] : [`{ ${beside}; } &`]),
    `exec "$@"`,
  ];
  const words = [...namespace, "sh", "-ec", lines.join("\n"), "sh", process.execPath, cliScript, ...args];
  return start("unshare", words, { env: { DISK: folder } });
}
