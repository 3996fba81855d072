/**
 * The mark of a volume: a file with its id at the top of its folder. A folder without its mark is an empty mount point or another disk;
 * nothing is written there.
 */
import { randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../atomic-write.ts";

export const markName = "whitepay-volume.json";

const idForm = /^[0-9a-f]{32}$/;

/** The id in a folder's mark; undefined without one. @throws Error if the mark is damaged or cannot be read */
export async function readMark(folder: string): Promise<string | undefined> {
  const path = join(folder, markName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  let mark: { readonly version?: unknown; readonly id?: unknown } | null;
  try {
    mark = JSON.parse(text) as typeof mark;
  } catch {
    mark = null;
  }
  if (mark?.version === 1 && typeof mark.id === "string" && idForm.test(mark.id)) return mark.id;
  throw new Error(`${path}: damaged: expected {"version":1,"id":"32 hex digits"}; restore the file`);
}

/** Gives a folder a mark, if it has none. Returns the id that it has afterwards: two processes may mark it at once. */
export async function writeMark(folder: string): Promise<string> {
  const id = randomBytes(16).toString("hex");
  const path = join(folder, markName);
  const temporary = `${path}.${id}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(`${JSON.stringify({ version: 1, id })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await linkOrRename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncPath(folder);
  return (await readMark(folder)) ?? id;
}

/** A link never replaces a mark that another process wrote meanwhile; some file systems have no links. */
async function linkOrRename(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    await rename(from, to);
  }
}
