/** Stores files as pieces in a provider's data folder. */
import { join } from "node:path";
import type { Hex } from "../protocol/hash.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import { namingFullDisk } from "../storage/disk/disk-full.ts";
import type { HashOptions } from "../storage/disk/hash-file.ts";
import { PieceStore } from "../storage/disk/store.ts";
import type { ProviderConfig } from "./config.ts";

export function openStore(config: ProviderConfig): Promise<PieceStore> {
  return PieceStore.open(join(config.dataDir, "store"), { volumes: config.volumes });
}

export type IngestOptions = {
  readonly replace?: boolean;
  /** Group whose payer owns the files. Without it they are assigned at the first consent to a group that has no list. */
  readonly group?: Hex;
  /** Called with each file before it is read; returns how to hash it. */
  readonly onFile?: (file: string) => HashOptions;
};

/** Stores files and appends them to a list; `replace` starts a new list. */
export async function ingestFiles(
  config: ProviderConfig,
  files: readonly string[],
  { replace = false, group, onFile }: IngestOptions = {},
): Promise<PieceList> {
  return namingFullDisk(config.dataDir, async () => {
    const store = await openStore(config);
    const entries: PieceEntry[] = [];
    for (const file of files) entries.push(await store.ingest(file, onFile?.(file)));
    return store.addToList(entries, { replace, ...(group === undefined ? {} : { group }) });
  });
}
