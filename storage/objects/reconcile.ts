/**
 * Compares the notes of this machine with a list of the objects, once a day: a lost data folder, an object that somebody deleted, and what a
 * crash left are found so. One request lists a thousand objects.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { syncPath, writeFileAtomic } from "../disk/atomic-write.ts";
import type { Bucket } from "./bucket.ts";
import { noteName, noteText, objectsOf, readNote } from "./note.ts";
import type { ObjectNote } from "./note.ts";

const listEvery_ms = 24 * 3_600_000;
/** Bytes without a tree are those of a piece that another process is storing, or of a crash. */
const orphanAge_ms = 24 * 3_600_000;
const objectForm = /^pieces\/([0-9a-f]{64})\/(data|tree)$/;

const running = new Map<string, Promise<void>>();

/** Waits for the first list only; later ones run beside the work. */
export async function reconcile(bucket: Bucket, folder: string): Promise<void> {
  const age_ms = await ageOf(join(folder, "listed"));
  if (age_ms !== undefined && age_ms < listEvery_ms) return;
  let work = running.get(folder);
  if (work === undefined) {
    work = compare(bucket, folder, age_ms === undefined).finally(() => running.delete(folder));
    running.set(folder, work);
  }
  if (age_ms === undefined) return work;
  // The store cannot be asked: the next look tries again.
  work.catch(() => undefined);
}

async function ageOf(path: string): Promise<number | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && Date.now() - stats.mtimeMs;
}

type Seen = { size?: number; treeBytes?: number; changed_ms?: number };

async function compare(bucket: Bucket, folder: string, isFirst: boolean): Promise<void> {
  const begun_ms = Date.now();
  const seen = new Map<string, Seen>();
  for await (const { key, bytes, changed_ms } of bucket.list("pieces/")) {
    const [, name, kind] = objectForm.exec(key) ?? [];
    if (name === undefined) continue;
    const one = seen.get(name) ?? {};
    if (kind === "tree") one.treeBytes = bytes;
    else [one.size, one.changed_ms] = [bytes, changed_ms];
    seen.set(name, one);
  }
  for (const [name, { size, treeBytes, changed_ms }] of seen) {
    if (treeBytes !== undefined) {
      const found = { size: size ?? 0, treeBytes };
      if (await isNoted(folder, name, found)) continue;
      // A piece may have been deleted since it was listed. The first list comes before all work, and one request a piece would take long.
      if (isFirst || (await bucket.size(objectsOf(name).tree)) !== undefined) await note(folder, name, found);
    } else if (begun_ms - (changed_ms ?? begun_ms) > orphanAge_ms && !(await arrives(folder, name))) {
      await bucket.remove(objectsOf(name).data);
    }
  }
  await dropStale(folder, seen, begun_ms);
  await writeFileAtomic(join(folder, "listed"), `${new Date().toISOString()}\n`);
}

async function arrives(folder: string, name: string): Promise<boolean> {
  return (await stat(join(folder, "incoming", name)).catch(() => undefined)) !== undefined;
}

async function isNoted(folder: string, name: string, found: ObjectNote): Promise<boolean> {
  const known = await readNote(join(folder, "pieces", name));
  return known?.size === found.size && known.treeBytes === found.treeBytes;
}

async function note(folder: string, name: string, found: ObjectNote): Promise<void> {
  const target = join(folder, "pieces", name);
  const work = join(folder, "tmp", `${process.pid}-${randomBytes(6).toString("hex")}`);
  await mkdir(work);
  await writeFile(join(work, noteName), noteText(found));
  await syncPath(join(work, noteName));
  await mkdir(target, { recursive: true });
  await rename(join(work, noteName), join(target, noteName));
  await rm(work, { recursive: true });
}

/** Deletes notes of pieces that are not in the store any more; newer ones than the list stay. */
async function dropStale(folder: string, seen: ReadonlyMap<string, Seen>, begun_ms: number): Promise<void> {
  for (const name of await readdir(join(folder, "pieces"))) {
    if (seen.get(name)?.treeBytes !== undefined) continue;
    const stats = await stat(join(folder, "pieces", name, noteName)).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs >= begun_ms) continue;
    await rm(join(folder, "pieces", name), { recursive: true, force: true });
  }
}
