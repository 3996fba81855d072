/** The note of a piece on this machine: its bytes and its tree are objects. It can be made anew from a list of the objects. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export type ObjectNote = { readonly size: number; readonly treeBytes: number };

export const noteName = "object";

export function noteText({ size, treeBytes }: ObjectNote): string {
  return `${JSON.stringify({ version: 1, size, treeBytes })}\n`;
}

/** Undefined without a readable note. */
export async function readNote(dir: string): Promise<ObjectNote | undefined> {
  try {
    const note = JSON.parse(await readFile(join(dir, noteName), "utf8")) as Partial<ObjectNote> | null;
    const { size, treeBytes } = note ?? {};
    return isCount(size) && isCount(treeBytes) ? { size, treeBytes } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Names of a piece's objects. The tree is written last and deleted first: a piece without it is none. */
export function objectsOf(name: string): { readonly data: string; readonly tree: string } {
  return { data: `pieces/${name}/data`, tree: `pieces/${name}/tree` };
}
