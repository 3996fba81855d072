/** `whitepay archive verify DIR`: hashes every file of a manifest, and says which are whole, missing or wrong. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile } from "../../archive/schema.ts";
import { counted } from "../../protocol/counted.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { printJson, printLine } from "../console/output.ts";
import { rootOf } from "./archive-file.ts";
import { hashFileOnce } from "./file-stream.ts";
import { readManifestFile } from "./manifest-file.ts";

export type VerifyOptions = { readonly manifest: string; readonly json?: true };

type Verdict = {
  readonly name: string;
  readonly state: "whole" | "missing" | "wrong";
  /** What differs: bytes (the size; nothing is hashed then), blake2b, sha256, root. */
  readonly differs?: readonly string[];
  /** Why the file cannot be read. */
  readonly reason?: string;
};

const hashNames = ["blake2b", "sha256", "root"] as const;

async function verdictOn(
  file: ArchiveFile,
  folder: string,
  onBytes: (bytes: number) => void,
): Promise<Verdict> {
  const { name } = file;
  const path = join(folder, name);
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (stats instanceof Error) {
    const isMissing = stats.code === "ENOENT" || stats.code === "ENOTDIR";
    return isMissing ? { name, state: "missing" } : { name, state: "wrong", reason: whyNot(stats) };
  }
  if (!stats.isFile()) return { name, state: "wrong", reason: "it is no file" };
  if (stats.size !== file.bytes) return { name, state: "wrong", differs: ["bytes"] };
  try {
    const hashes = await hashFileOnce(path, onBytes);
    const differs = hashNames.filter((hash) => hashes[hash] !== file[hash]);
    return differs.length === 0 ? { name, state: "whole" } : { name, state: "wrong", differs };
  } catch (error) {
    return { name, state: "wrong", reason: (error as Error).message };
  }
}

/** @throws CliError exit 1 unless all files are whole */
export async function verifyArchive(folder: string, options: VerifyOptions): Promise<void> {
  const { manifest } = await readManifestFile(options.manifest);
  const stats = await stat(folder).catch((error: unknown) => {
    throw usageError(`${folder} cannot be read: ${whyNot(error)}`);
  });
  if (!stats.isDirectory())
    throw usageError(`${folder} is a file`, { expected: "the folder of the archive" });
  const files = filesOf(manifest);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const bar = total === 0 ? undefined : progressBar({ label: "verifying", total, format: formatBytes });
  const verdicts: Verdict[] = [];
  let done = 0;
  try {
    for (const file of files) {
      verdicts.push(await verdictOn(file, folder, (bytes) => bar?.update((done += bytes), file.name)));
    }
  } finally {
    bar?.stop();
  }
  report(verdicts, rootOf(manifest), options.json === true);
}

function report(verdicts: readonly Verdict[], root: string, isJson: boolean): void {
  const bad = verdicts.filter(({ state }) => state !== "whole");
  const missing = bad.filter(({ state }) => state === "missing").length;
  const counts = { whole: verdicts.length - bad.length, missing, wrong: bad.length - missing };
  if (isJson) printJson({ root, ok: bad.length === 0, ...counts, files: verdicts });
  else {
    for (const { name, state, differs, reason } of bad) {
      printLine(
        `${state.padEnd(8)}${name}${differs === undefined ? "" : ` (${differs.join(", ")})`}${reason === undefined ? "" : `: ${reason}`}`,
      );
    }
    printLine(`${counted(counts.whole, "file")} whole, ${counts.missing} missing, ${counts.wrong} wrong`);
  }
  if (bad.length === 0) return;
  throw new CliError({
    code: exitCodes.failed,
    message: "the folder does not hold the archive",
    expected: `${counted(verdicts.length, "file")} whole`,
    actual: `${counts.whole} whole, ${counts.missing} missing, ${counts.wrong} wrong`,
  });
}
