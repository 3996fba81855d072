/** How far the scrub has come, in `scrub.json` of the data folder: it goes on there after a restart, and other processes read it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../storage/disk/atomic-write.ts";

const count = z.int().min(0);
const root = z.string().regex(/^0x[0-9a-f]{64}$/);
const schema = z.strictObject({
  version: z.literal(1),
  /** The present pass over all pieces. */
  begunAt_ms: count,
  readBytes: count,
  /** Bytes of all pieces. */
  totalBytes: count,
  /** The piece that is read next, and its first segment that is not read yet. All roots below are done. */
  next: z.strictObject({ root, segment: count }).optional(),
  /** Pieces that were damaged when they were read last. */
  damaged: z.array(z.strictObject({ root, text: z.string(), since_ms: count })),
  /** The last whole pass. */
  last: z.strictObject({ begunAt_ms: count, endedAt_ms: count, readBytes: count }).optional(),
});

export type ScrubState = z.output<typeof schema>;

function pathOf(dataDir: string): string {
  return join(dataDir, "scrub.json");
}

/** Undefined without a state, or with a damaged one: the scrub then begins anew, which loses nothing. */
export async function readScrubState(dataDir: string): Promise<ScrubState | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(pathOf(dataDir), "utf8")));
  } catch {
    return undefined;
  }
}

export async function writeScrubState(dataDir: string, state: ScrubState): Promise<void> {
  await writeFileAtomic(pathOf(dataDir), `${JSON.stringify(state)}\n`);
}
