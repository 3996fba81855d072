/** Checks the ports and the disk of this machine. */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { listenFault, hostAndPortOf } from "../../daemon/listen.ts";
import { isDiskLow } from "../../keeper/api/disk.ts";
import { fail, ok, warn, type CheckItem } from "../console/check-item.ts";
import { exitCodes } from "../console/exit.ts";
import { formatBytes } from "../console/progress.ts";

export type MachineSettings = {
  readonly dataDir: string;
  readonly listen: readonly string[];
  readonly api: { readonly host: string; readonly port: number };
};

const leastDisk_bytes = 256 * 1024 ** 2;

/** @param running a daemon with this configuration holds the ports already */
export async function checkPorts(config: MachineSettings, running: boolean): Promise<CheckItem[]> {
  if (running) return [ok("ports", "used by the running daemon")];
  const wanted = [...config.listen.map(hostAndPortOf), { host: config.api.host, port: config.api.port }];
  return Promise.all(
    wanted
      .filter((address) => address !== undefined)
      .map(async ({ host, port }) => {
        const fault = await listenFault({ host, port });
        if (fault === undefined) return ok("ports", `${host}:${port} is free`);
        return fail("ports", `${host}:${port}: ${fault.reason}`, fault.remedy, exitCodes.usage);
      }),
  );
}

/**
 * Free space of the data folder, or of its nearest existing parent.
 * @param need what cannot be done without space
 */
export async function checkDisk(config: Pick<MachineSettings, "dataDir">, need: string): Promise<CheckItem> {
  let folder = config.dataDir;
  for (;;) {
    try {
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      const found = `${formatBytes(free)} free at ${folder}`;
      if (free < leastDisk_bytes) return fail("disk", found, `free disk space: ${need}`);
      return isDiskLow(free) ? warn("disk", found, "free disk space before it runs out") : ok("disk", found);
    } catch (error) {
      const parent = join(folder, "..");
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === folder) {
        return fail("disk", `${folder}: ${(error as Error).message}`, "correct dataDir");
      }
      folder = parent;
    }
  }
}
