/** The keeper that runs on this machine, as commands beside it see it. */
import { StoreError, StoreInUseError, LevelStore } from "../../keeper/adapters/store-level.ts";

/** What the keeper's HTTP server says of itself. */
export type RunningStatus = {
  readonly head: number;
  readonly view: number;
  readonly peers: number;
  readonly groups: readonly {
    readonly group: string;
    readonly ts: number;
    readonly turn: number;
    readonly leader: number;
    readonly phase: string;
    readonly challenges: {
      readonly asked: number;
      readonly whole: number;
      readonly partial: number;
      readonly failed: number;
      readonly unmeasured: number;
      /** Decimal text. */
      readonly bytesProven: string;
      readonly bytesCommitted: string;
    };
    readonly committee: readonly { readonly index: number; readonly speaks: number | null }[];
  }[];
};

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
    const status = (await response.json()) as RunningStatus;
    return Array.isArray(status.groups) ? status : undefined;
  } catch {
    return undefined;
  }
}
