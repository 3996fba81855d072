/** Hashes all inputs of an import, one after another, and continues where an earlier run ended. */
import { resolve } from "node:path";
import type { ArchiveFile } from "../../archive/schema.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { hashFileOnce } from "./file-stream.ts";
import { hashBlocks } from "./hash-blocks.ts";
import type { Hashes } from "./hash-blocks.ts";
import type { ArchiveInput } from "./inputs.ts";
import type { HashJournal } from "./journal.ts";
import { openUrl } from "./url-stream.ts";
import type { UrlLimits } from "./url-stream.ts";

export type HashedInput = { readonly input: ArchiveInput; readonly hashes: Hashes };

export type HashedInputs = {
  readonly files: readonly HashedInput[];
  /** Number of files whose hashes an earlier run had computed. */
  readonly resumed: number;
};

type OnBytes = (bytes: number) => void;

async function hashUrl(
  { url }: ArchiveInput & { kind: "url" },
  journal: HashJournal,
  { limits, onBytes }: { readonly limits: UrlLimits; readonly onBytes: OnBytes },
): Promise<{ readonly hashes: Hashes; readonly isKnown: boolean }> {
  const opened = await openUrl(url, limits);
  try {
    const { version, stream } = opened;
    const known = version === undefined ? undefined : journal.find(url, version);
    if (known !== undefined) return { hashes: known, isKnown: true };
    const hashes = await hashBlocks(stream, onBytes).catch((error: unknown) => {
      if (!(error instanceof RangeError)) throw error;
      const details = { expected: "at least 1 byte", actual: "none" };
      throw new CliError({ code: exitCodes.network, message: `${url}: the file is empty`, ...details });
    });
    if (version !== undefined) await journal.add(url, version, hashes);
    return { hashes, isKnown: false };
  } finally {
    await opened.close();
  }
}

async function hashPath(
  { path, bytes, mtime_ns }: ArchiveInput & { kind: "file" },
  journal: HashJournal,
  onBytes: OnBytes,
): Promise<{ readonly hashes: Hashes; readonly isKnown: boolean }> {
  const [key, version] = [resolve(path), `${bytes} ${mtime_ns}`];
  const known = journal.find(key, version);
  if (known !== undefined) {
    onBytes(bytes);
    return { hashes: known, isKnown: true };
  }
  const hashes = await hashFileOnce(path, onBytes);
  await journal.add(key, version, hashes);
  return { hashes, isKnown: false };
}

export async function hashInputs(
  inputs: readonly ArchiveInput[],
  journal: HashJournal,
  limits: UrlLimits,
): Promise<HashedInputs> {
  const files: HashedInput[] = [];
  let resumed = 0;
  // The bytes of URLs are not known before.
  const total = inputs.reduce((sum, input) => sum + (input.kind === "file" ? input.bytes : 0), 0);
  const bar = total === 0 ? undefined : progressBar({ label: "hashing", total, format: formatBytes });
  let done = 0;
  try {
    for (const input of inputs) {
      const onBytes = (bytes: number): void => {
        if (input.kind === "file") done += bytes;
        bar?.update(done, input.name);
      };
      const { hashes, isKnown } =
        input.kind === "file"
          ? await hashPath(input, journal, onBytes)
          : await hashUrl(input, journal, { limits, onBytes });
      if (isKnown) resumed++;
      files.push({ input, hashes });
    }
  } finally {
    bar?.stop();
  }
  return { files, resumed };
}

/** Its entry in a manifest. @param base URL under which the files of folders can be read, too */
export function entryOf({ input, hashes }: HashedInput, base: string | undefined): ArchiveFile {
  const path = input.name.split("/").map(encodeURIComponent).join("/");
  const url =
    input.kind === "url" ? input.url : base && new URL(path, base.endsWith("/") ? base : `${base}/`).href;
  return { name: input.name, ...hashes, sources: url === undefined ? [] : [{ url }], priority: 50 };
}
