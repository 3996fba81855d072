/** Damage to stored files. */
import { chmod, readFile, writeFile } from "node:fs/promises";

/** Inverts the bytes [start, end) of a file, as a failing disk might. */
export async function damage(path: string, start: number, end: number): Promise<void> {
  const bytes = await readFile(path);
  for (let i = start; i < end; i++) bytes[i] = ~bytes[i]!;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}
