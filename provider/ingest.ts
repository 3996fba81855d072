/** Stores files as pieces in a provider's data folder. */
import { join } from "node:path";
import type { Hex } from "../protocol/hash.ts";
import { maxPieces } from "../storage/core/piece-list.ts";
import type { PieceEntry, PieceList } from "../storage/core/piece-list.ts";
import { namingFullDisk } from "../storage/disk/disk-full.ts";
import { PieceSourceError } from "../storage/disk/hash-file.ts";
import type { HashOptions } from "../storage/disk/hash-file.ts";
import { addInPlace, filesUnder } from "../storage/disk/in-place.ts";
import type { AddedInPlace, FoundFiles } from "../storage/disk/in-place.ts";
import { PieceStore } from "../storage/disk/store.ts";
import type { ProviderConfig } from "./config.ts";
import { volumeSettings } from "./volume-settings.ts";

export function openStore(config: ProviderConfig): Promise<PieceStore> {
  return PieceStore.open(join(config.dataDir, "store"), { volumes: volumeSettings(config.volumes) });
}

export type IngestOptions = {
  readonly replace?: boolean;
  /** Store the files where they lie; folders are allowed. */
  readonly inPlace?: boolean;
  /** Group whose payer owns the files. Without it they are assigned at the first consent to a group that has no list. */
  readonly group?: Hex;
  /** Called with each file before it is read; returns how to hash it. */
  readonly onFile?: (file: string) => HashOptions;
};

export type Ingested = {
  /** The list with the new pieces. */
  readonly list: PieceList;
  /** Of named folders. */
  readonly skipped: FoundFiles["skipped"];
  /** Files stored where they lie whose earlier piece is lost, because they changed. */
  readonly changed: AddedInPlace["changed"];
};

/** Stores files and appends them to a list; `replace` starts a new list. */
export async function ingestFiles(
  config: ProviderConfig,
  files: readonly string[],
  { replace = false, inPlace = false, group, onFile }: IngestOptions = {},
): Promise<Ingested> {
  return namingFullDisk(config.dataDir, async () => {
    const store = await openStore(config);
    const own = [config.dataDir, ...config.volumes.map(({ path }) => path)];
    const found = inPlace ? await filesUnder(files, own) : { files, skipped: [] };
    mustFit(found.files.length);
    const added = await addFiles(store, found.files, inPlace, onFile);
    const list = await store.addToList(added.entries, { replace, ...(group === undefined ? {} : { group }) });
    return { list, skipped: found.skipped, changed: added.changed };
  });
}

async function addFiles(
  store: PieceStore,
  files: readonly string[],
  inPlace: boolean,
  onFile: IngestOptions["onFile"],
): Promise<Pick<AddedInPlace, "entries" | "changed">> {
  if (inPlace) return addInPlace(store, files, (file) => store.ingestInPlace(file, onFile?.(file)));
  const entries: PieceEntry[] = [];
  for (const file of files) entries.push(await store.ingest(file, onFile?.(file)));
  return { entries, changed: [] };
}

/** Refuses before anything is hashed. */
function mustFit(count: number): void {
  if (count === 0)
    throw new PieceSourceError("no file to store: expected at least one file that is not empty");
  if (count <= maxPieces) return;
  throw new PieceSourceError(
    `too many files for a list: expected at most ${maxPieces}, actual ${count}; pack them (tar), or use several groups`,
  );
}
