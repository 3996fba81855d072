/** Reads an `archive.json`. */
import { readFile, stat } from "node:fs/promises";
import { maxArchiveBytes, readArchive } from "../../archive/manifest.ts";
import type { Archive } from "../../archive/schema.ts";
import { usageError } from "../console/exit.ts";

/** @throws CliError exit 2 if there is no manifest that can be used */
export async function readManifestFile(path: string): Promise<Archive> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${path} cannot be read`, {
      expected: "a manifest",
      actual: error.code ?? error.message,
    });
  });
  if (found.size > maxArchiveBytes) {
    throw usageError(`${path} is too large`, {
      expected: `at most ${maxArchiveBytes} bytes`,
      actual: `${found.size}`,
    });
  }
  const read = readArchive(await readFile(path));
  if (read.ok) return read.value;
  throw usageError(`${path} is no manifest that can be used`, { actual: read.detail });
}
