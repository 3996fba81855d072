/** Whether a keeper runs on this machine. */
import { LevelStore, StoreError, StoreInUseError } from "../../keeper/adapters/store-level.ts";

/** True if a process holds the store. The lock belongs to the operating system, so a killed keeper holds none. */
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
