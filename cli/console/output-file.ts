/** Files that a command writes. */
import { access, writeFile } from "node:fs/promises";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "./exit.ts";

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** @throws CliError exit 2 if there is a file or folder at the path */
export async function mustNotExist(path: string, hint: string): Promise<void> {
  if (await exists(path)) throw usageError(`${path} exists already`, { hint });
}

/** @throws CliError exit 2 if the file cannot be written */
export async function writeOutput(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw usageError(`${file} cannot be written: ${whyNot(error)}`);
  }
}
