/** What a provider is to hold: named by its files, which are hashed here, or by root and bytes. */
import { toHex } from "../../storage/core/bytes.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { hashFile, PieceSourceError } from "../../storage/disk/hash-file.ts";
import { nativeHash } from "../../storage/disk/native-hash.ts";
import type { DataConsent } from "../client/plans.ts";
import { CliError, exitCodes, usageError } from "./exit.ts";
import type { GroupFile } from "./group-file.ts";
import { hashProgressBar } from "./hash-progress.ts";

export type ProviderData = { readonly operator: string; readonly listRoot: string; readonly bytes: bigint };

/** Root and bytes of a list of files, in their order (R10). @throws CliError exit 2 for what cannot be a piece */
export async function hashedFiles(files: readonly string[]): Promise<{ listRoot: string; bytes: bigint }> {
  const pieces: PieceEntry[] = [];
  try {
    for (const file of files) {
      const onProgress = hashProgressBar(file);
      const { root, size } = await hashFile(file, onProgress === undefined ? {} : { onProgress });
      pieces.push({ root, size });
    }
  } catch (error) {
    if (error instanceof PieceSourceError) throw usageError(error.message);
    throw error;
  }
  const list = makePieceList(distinct(pieces), nativeHash);
  return { listRoot: toHex(list.root), bytes: list.totalBytes };
}

/** As a provider's store does it: a file that comes twice is stored once. */
function distinct(pieces: readonly PieceEntry[]): PieceEntry[] {
  return [...new Map(pieces.map((piece) => [toHex(piece.root), piece])).values()];
}

export async function dataOf(providers: GroupFile["providers"]): Promise<ProviderData[]> {
  const all: ProviderData[] = [];
  for (const { operator, data } of providers) {
    if (data.files !== undefined) all.push({ operator, ...(await hashedFiles(data.files)) });
    else all.push({ operator, listRoot: data.root ?? "", bytes: data.bytes ?? 0n });
  }
  return all;
}

/** A payer signs for the data that it gave away, not for whatever a consent names. @throws CliError exit 1 */
export function checkConsentData(consent: DataConsent, wanted: Omit<ProviderData, "operator">): void {
  if (consent.listRoot === wanted.listRoot && consent.bytes === wanted.bytes) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `provider ${consent.operator} consents to other data than the payer's`,
    expected: `list ${wanted.listRoot}, ${wanted.bytes} bytes`,
    actual: `list ${consent.listRoot}, ${consent.bytes} bytes`,
    hint: "the same files in the same order give the same list: whitepay provider ingest --replace",
  });
}
