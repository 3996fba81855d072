/** Opens a database of the provider. */
import { Level } from "level";
import { DiskFullError, isDiskFull } from "../storage/disk/disk-full.ts";
import { StoreError } from "../storage/disk/store.ts";

/** Another process has opened the folder. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
}

/**
 * @param remedy what the operator can do if the folder is damaged
 * @throws FolderInUseError if another process has it open; DiskFullError; StoreError if it cannot be opened for another reason
 */
export async function openLevel(
  dir: string,
  { remedy }: { readonly remedy: string },
): Promise<Level<string, Uint8Array>> {
  const db = new Level<string, Uint8Array>(dir, { keyEncoding: "utf8", valueEncoding: "view" });
  try {
    await db.open();
    return db;
  } catch (error) {
    const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
    if (cause?.code === "LEVEL_LOCKED") {
      throw new FolderInUseError(
        `${dir}: in use; another provider runs with this data folder: stop it first`,
        { cause: error },
      );
    }
    if (isDiskFull(error)) throw new DiskFullError(dir, { cause: error });
    const reason = cause?.message ?? (error as Error).message;
    throw new StoreError(`${dir}: cannot be opened: ${reason}; ${remedy}`, { cause: error });
  }
}
