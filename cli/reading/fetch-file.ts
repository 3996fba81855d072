/** Fetches a piece into a file, from providers and URLs at once: verified, continued after a break, whole or not there (R44, R46). */
import { stat } from "node:fs/promises";
import { readArchiveFile, type FileRead, type FileSources } from "../../client/reading/archive-file.ts";
import type { SourceFault } from "../../client/reading/piece.ts";
import { SourceError } from "../../client/reading/source.ts";
import { urlSource, type PlainSource } from "../../client/reading/url-source.ts";
import type { Hex } from "../../protocol/hash.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { followed, RedirectError } from "../archive/redirects.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { KeptFile } from "./kept-file.ts";

/** With the pauses between them, a URL that is the only source may be gone for a minute. */
const tries = 7;

export type WantedPiece = {
  readonly root: Hex;
  readonly bytes: number;
  /** Name in the manifest, and BLAKE2b-512; without it the piece root alone decides. */
  readonly named?: { readonly name: string; readonly blake2b: Hex } | undefined;
};

export type FetchedFile = FileRead & {
  /** The file was there before. */
  readonly isOld: boolean;
};

/** A URL with bounded redirects. */
export function boundedUrl(url: string, size: number): PlainSource {
  return urlSource(url, size, {
    fetch: async (_, init = {}) => {
      try {
        return (await followed(url, init)).answer;
      } catch (error) {
        if (!(error instanceof RedirectError)) throw error;
        const { message, expected, actual } = error;
        throw new SourceError("refused", `${message}: expected ${expected}, actual ${actual}`);
      }
    },
  });
}

export function sayFault({ source, kind, reason }: SourceFault): void {
  const isWrong = kind === "wrong";
  say(isWrong ? `${source} sent wrong bytes and is not asked again: ${reason}` : `${source}: ${reason}`);
}

/**
 * @param out the file; an unfinished one is in `out.part`
 * @throws CliError exit 2 if another file is there, exit 1 if the bytes do not match the manifest; WhitePayError if no source gives them;
 * DiskFullError
 */
export async function fetchFile(
  wanted: WantedPiece,
  sources: FileSources,
  out: string,
  { signal, label = "fetching" }: { readonly signal: AbortSignal; readonly label?: string },
): Promise<FetchedFile> {
  const { root, bytes } = wanted;
  if ((await stat(out).catch(() => undefined)) !== undefined) {
    await checkThere(wanted, out);
    return { sources: [], faults: [], isOld: true };
  }
  const kept = await KeptFile.open(out, { root, size: bytes });
  const bar = progressBar({ label, total: bytes, format: formatBytes });
  try {
    const urls = sources.urls?.map((one) => (typeof one === "string" ? boundedUrl(one, bytes) : one)) ?? [];
    const read = await readArchiveFile(wanted, { ...sources, urls }, kept, {
      signal,
      tries,
      onFault: sayFault,
      onProgress: (proven, held) => bar?.update(held, `${formatBytes(proven)} proven`),
    });
    bar?.stop();
    await kept.note();
    await checkKept(wanted, out, kept);
    await kept.finish();
    return { ...read, isOld: false };
  } finally {
    bar?.stop();
    await kept.close();
  }
}

async function checkThere({ root, named }: WantedPiece, out: string): Promise<void> {
  const hashes = await hashFileOnce(out);
  if (hashes.root !== root)
    throw usageError(`${out} exists already and is not this piece`, {
      expected: root,
      actual: hashes.root,
      hint: "name another file, or remove it",
    });
  if (named !== undefined && hashes.blake2b !== named.blake2b)
    throw contradiction(named, hashes.blake2b, out);
}

/** The bytes are read from the disk again: what was proven is what arrived. */
async function checkKept({ root, named }: WantedPiece, out: string, kept: KeptFile): Promise<void> {
  const hashes = await kept.hashes();
  if (hashes.root !== root) {
    await kept.forget();
    throw new CliError({
      code: exitCodes.failed,
      message: `${out}.part was damaged on this disk`,
      expected: root,
      actual: hashes.root,
      hint: "run the command again: it begins anew",
    });
  }
  if (named !== undefined && hashes.blake2b !== named.blake2b)
    throw contradiction(named, hashes.blake2b, `${out}.part`);
}

/** The piece root leads to these bytes; whoever published the file named it by its BLAKE2b-512. */
function contradiction(
  { name, blake2b }: { readonly name: string; readonly blake2b: Hex },
  actual: Hex,
  path: string,
): CliError {
  return new CliError({
    code: exitCodes.failed,
    message: `${name}: the manifest's piece root and its BLAKE2b-512 belong to different files`,
    expected: blake2b,
    actual,
    hint: `${path} has the bytes of the piece root; ask the curator, or compare with the published hash`,
  });
}
