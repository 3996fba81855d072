/** `keeper.json` in the data folder: commands find the running keeper with it. Removed at a regular stop. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";

const schema = z.object({ pid: z.int().positive(), api: z.url(), peerId: z.string() });
export type RunFile = z.infer<typeof schema>;

const pathOf = (dataDir: string): string => join(dataDir, "keeper.json");

export async function writeRunFile(dataDir: string, content: RunFile): Promise<void> {
  await writeFileAtomic(pathOf(dataDir), `${JSON.stringify(content)}\n`, 0o600);
}

/** The run file of the last keeper, which may have stopped; undefined if it cannot be read. */
export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(pathOf(dataDir), "utf8")));
  } catch {
    return undefined;
  }
}

export async function removeRunFile(dataDir: string): Promise<void> {
  await rm(pathOf(dataDir), { force: true });
}
