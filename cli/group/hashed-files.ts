/** The data of each provider: computed from local files, or given by root and bytes. */
import { basename } from "node:path";
import { toHex } from "../../storage/core/bytes.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { hashFile, PieceSourceError } from "../../storage/disk/hash-file.ts";
import type { DataConsent } from "../../client/provider-plans.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import type { GroupFile } from "./files/group.ts";
import { hashProgressBar } from "../console/hash-progress.ts";
import { counted } from "../../protocol/counted.ts";

/** A piece with the name of its local file. */
export type NamedPiece = { readonly root: string; readonly size: number; readonly name: string };
export type HashedFiles = {
  readonly listRoot: string;
  readonly bytes: bigint;
  readonly pieces: readonly NamedPiece[];
};
export type ProviderData = {
  readonly operator: string;
  readonly listRoot: string;
  readonly bytes: bigint;
  /** Empty if the payer gave root and bytes only. */
  readonly pieces: readonly NamedPiece[];
};

/** List root and bytes of files in their order (R10). @throws CliError exit 2 if a file cannot be a piece */
export async function hashedFiles(files: readonly string[]): Promise<HashedFiles> {
  const pieces: (PieceEntry & { readonly name: string })[] = [];
  try {
    for (const file of files) {
      const onProgress = hashProgressBar(file);
      const { root, size } = await hashFile(file, onProgress === undefined ? {} : { onProgress });
      pieces.push({ root, size, name: basename(file) });
    }
  } catch (error) {
    if (error instanceof PieceSourceError) throw usageError(error.message);
    throw error;
  }
  // Like the provider's store: equal files are one piece.
  const distinct = [...new Map(pieces.map((piece) => [toHex(piece.root), piece])).values()];
  const list = makePieceList(distinct);
  const named = distinct.map(({ root, size, name }) => ({ root: toHex(root), size, name }));
  return { listRoot: toHex(list.root), bytes: list.totalBytes, pieces: named };
}

export async function dataOf(providers: GroupFile["providers"]): Promise<ProviderData[]> {
  const all: ProviderData[] = [];
  for (const { operator, data } of providers) {
    if (data.files !== undefined) all.push({ operator, ...(await hashedFiles(data.files)) });
    else all.push({ operator, listRoot: data.root ?? "", bytes: data.bytes ?? 0n, pieces: [] });
  }
  return all;
}

/** Refuses a consent at a higher price than the payer's file names. @throws CliError exit 1 */
export function checkConsentPrice({ operator, price }: DataConsent, most: bigint): void {
  if (price <= most) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `provider ${operator} asks for a higher price than the group file names`,
    expected: `at most ${counted(most, "unit")} per 2^64 byte·blocks`,
    actual: counted(price, "unit"),
    hint: "agree on a price: the provider signs a new consent, or you correct the file",
  });
}

/** Compares a consent with the payer's own data. @throws CliError exit 1 if they differ */
export function checkConsentData(
  consent: DataConsent,
  wanted: Pick<ProviderData, "listRoot" | "bytes">,
): void {
  if (consent.listRoot === wanted.listRoot && consent.bytes === wanted.bytes) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `provider ${consent.operator} consents to data that differs from the payer's`,
    expected: `list ${wanted.listRoot}, ${counted(wanted.bytes, "byte")}`,
    actual: `list ${consent.listRoot}, ${counted(consent.bytes, "byte")}`,
    hint: "ask the provider to store the same files in the same order: whitepay provider ingest --replace",
  });
}
