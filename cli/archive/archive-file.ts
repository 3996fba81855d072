/** Writes `archive.json`, and says what is in it. */
import { open } from "node:fs/promises";
import { canonicalBytes, filesOf, manifestRoot, readManifest } from "../../archive/manifest.ts";
import type { Archive, Manifest } from "../../archive/schema.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "../console/exit.ts";
import { printLine } from "../console/output.ts";

/** Bytes of a file of limited size. @throws CliError exit 2 */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw usageError(`${path} is too large`, {
          expected: `at most ${maxBytes} bytes`,
          actual: `${size} bytes`,
        });
      }
      const bytes = new Uint8Array(await file.readFile());
      if (bytes.length > maxBytes)
        throw usageError(`${path} is too large`, { expected: `at most ${maxBytes} bytes` });
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
    throw usageError(`${path} cannot be read: ${whyNot(error)}`);
  }
}

/** Replaces the file as a whole. @throws CliError exit 2 if the manifest breaks a rule or the file cannot be written */
export async function saveArchive(path: string, archive: Archive): Promise<void> {
  const checked = readManifest(archive.manifest);
  if (!checked.ok) throw usageError(`the manifest would not be valid: ${checked.detail}`);
  try {
    await writeFileAtomic(path, `${JSON.stringify(archive, undefined, 1)}\n`);
  } catch (error) {
    throw usageError(`${path} cannot be written: ${whyNot(error)}`);
  }
}

export function rootOf(manifest: Manifest): Hex {
  return manifestRoot(canonicalBytes(manifest));
}

/** For `--json`. */
export function summaryOf(manifest: Manifest): object {
  const files = filesOf(manifest);
  return {
    title: manifest.title,
    edition: manifest.edition,
    previous: manifest.previous,
    root: rootOf(manifest),
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n),
  };
}

export function printSummary(manifest: Manifest): void {
  const files = filesOf(manifest);
  const bytes = files.reduce((sum, one) => sum + BigInt(one.bytes), 0n);
  printLine(`title     ${manifest.title}`);
  printLine(
    `edition   ${manifest.edition}${manifest.previous === null ? "" : `, after ${manifest.previous}`}`,
  );
  printLine(`root      ${rootOf(manifest)}`);
  printLine(`files     ${counted(files.length, "file")}, ${counted(bytes, "byte")}`);
}
