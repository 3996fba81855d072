/** The keeper that runs on this machine, as commands beside it see it. */
import { z } from "zod";
import { StoreError, StoreInUseError, LevelStore } from "../../keeper/adapters/store-level.ts";

const count = z.int();
const decimal = z.string().regex(/^\d{1,80}$/);

const share = z.object({
  whole: count,
  partial: count,
  failed: count,
  bytesProven: decimal,
  bytesCommitted: decimal,
  fromSlot: count.nullable(),
  toSlot: count.nullable(),
});
const shares = z.object({ late: share, interval: share });

export type RunningShare = z.output<typeof share>;

/** What the keeper's HTTP server says of itself, as far as commands use it. A keeper of an earlier release says less. */
const statusDocument = z.object({
  head: count,
  view: count,
  peers: count,
  /** Why it cannot do its work now. */
  problems: z.array(z.string()).optional().catch(undefined),
  headAge_s: z.number().optional().catch(undefined),
  groups: z.array(
    z.object({
      group: z.string(),
      ts: count,
      turn: count,
      leader: count,
      phase: z.string(),
      challenges: z
        .object({
          asked: count,
          whole: count,
          partial: count,
          failed: count,
          unmeasured: count,
          bytesProven: decimal,
          bytesCommitted: decimal,
        })
        .optional()
        .catch(undefined),
      proven: shares.optional().catch(undefined),
      providers: z
        .array(shares.extend({ index: count }))
        .optional()
        .catch(undefined),
      committee: z
        .array(z.object({ index: count, speaks: count.nullable() }))
        .optional()
        .catch(undefined),
    }),
  ),
});

export type RunningStatus = z.output<typeof statusDocument>;

const statusTimeout_ms = 5_000;

/** Whether a process holds the store; the lock is the system's own, so a killed keeper holds nothing. */
export async function keeperRuns(storeFolder: string): Promise<boolean> {
  try {
    const store = await LevelStore.openExisting(storeFolder);
    await store.close();
    return false;
  } catch (error) {
    if (error instanceof StoreInUseError) return true;
    if (error instanceof StoreError) return false;
    throw error;
  }
}

export async function statusOf(api: string): Promise<RunningStatus | undefined> {
  try {
    const response = await fetch(`${api}/v1/status`, { signal: AbortSignal.timeout(statusTimeout_ms) });
    return statusDocument.safeParse(await response.json()).data;
  } catch {
    return undefined;
  }
}
