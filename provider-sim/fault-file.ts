/** The faults of a running daemon are in a file of its data folder, so no port is needed. `provider-sim fault` writes the file. */
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { address } from "../daemon/settings/address.ts";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";
import type { Fault } from "./faults.ts";

const schema: z.ZodType<Fault[]> = z.array(
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("offline") }),
    z.strictObject({ kind: z.literal("slow"), delay_ms: z.int().min(0).max(600_000) }),
    z.strictObject({ kind: z.literal("corrupt") }),
    z.strictObject({ kind: z.literal("discard") }),
    z.strictObject({ kind: z.literal("forge-consent") }),
    z.strictObject({ kind: z.literal("replay") }),
    z.strictObject({ kind: z.literal("only-keepers"), keepers: z.array(address) }),
  ]),
);

export function faultPath(dataDir: string): string {
  return join(dataDir, "faults.json");
}

/** Replaces the active faults; an empty list makes the provider honest again. */
export async function writeFaults(dataDir: string, faults: readonly Fault[]): Promise<void> {
  if (faults.length === 0) await rm(faultPath(dataDir), { force: true });
  else await writeFileAtomic(faultPath(dataDir), `${JSON.stringify(schema.parse(faults))}\n`);
}

/** Reads the file again after each change. An invalid file means no faults, and is reported once. */
export function faultReader(
  dataDir: string,
  onInvalid: (text: string) => void,
): () => Promise<readonly Fault[]> {
  let version = "";
  let faults: readonly Fault[] = [];
  return async () => {
    const stats = await stat(faultPath(dataDir)).catch(() => undefined);
    const now = stats ? `${stats.ino} ${stats.mtimeMs} ${stats.size}` : "";
    if (now === version) return faults;
    version = now;
    faults = [];
    if (stats === undefined) return faults;
    try {
      faults = schema.parse(JSON.parse(await readFile(faultPath(dataDir), "utf8")));
    } catch (error) {
      onInvalid(`${faultPath(dataDir)}: not valid, no fault is active: ${(error as Error).message}`);
    }
    return faults;
  };
}
