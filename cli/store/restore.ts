/** Writes what was read back: a file, or a folder from its tar stream. It appears under its name only when it is whole. */
import { createWriteStream } from "node:fs";
import { chmod, lutimes, mkdir, mkdtemp, rename, rm, stat, symlink, utimes } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import type { ByteSource } from "../../client/storing/age-stream.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { leadsOutside } from "./folder.ts";

export type Restored = {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly modified_us: number;
};

async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  for (let start = 0; start < source.size; start += rangeBytes) {
    yield await source.read(start, Math.min(rangeBytes, source.size - start));
  }
}

/** The path of an item in the folder. @throws CliError exit 2 if something has the name already */
export async function freePath({ name }: Pick<Restored, "name">, out: string): Promise<string> {
  const path = join(out, name);
  if ((await stat(path).catch(() => undefined)) === undefined) return path;
  throw new CliError({
    code: exitCodes.usage,
    message: `${path} exists already`,
    hint: "remove or rename it, or name another folder with --out",
  });
}

/** The plain bytes, and the file that holds them: on the disk already, and on that of the results. */
export type RestoredFrom = { readonly source: ByteSource; readonly path: string };

/** A file is moved to its place. @returns the path of the file or folder. @throws CliError exit 2 if something has the name already */
export async function restore(from: RestoredFrom, item: Restored, out: string): Promise<string> {
  await mkdir(out, { recursive: true });
  const path = await freePath(item, out);
  if (item.kind === "file") {
    await utimes(from.path, item.modified_us / 1e6, item.modified_us / 1e6);
    await rename(from.path, path);
    return path;
  }
  const work = await mkdtemp(join(out, ".whitepay-get-"));
  try {
    const made = join(work, item.name);
    await unpack(from.source, work, item.name);
    await rename(made, path);
    return path;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Not written until every file is there: a link must not lead a later file elsewhere, and files change the times of their folders. */
type Late = { readonly path: string; readonly header: Header };

async function unpack(source: ByteSource, work: string, name: string): Promise<void> {
  const late: Late[] = [];
  const unpacking = extract();
  const feeding = pipeline(Readable.from(chunksOf(source)), unpacking as unknown as NodeJS.WritableStream);
  // A failure of either side ends the other; it is reported once, below.
  feeding.catch(() => undefined);
  for await (const entry of unpacking) {
    const { header } = entry;
    const path = safePath(work, name, header.name);
    if (header.type === "file") {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(entry as unknown as NodeJS.ReadableStream, createWriteStream(path, { flags: "wx" }));
      await finishTimes({ path, header });
    } else {
      if (header.type === "directory") await mkdir(path, { recursive: true });
      else if (header.type !== "symlink") throw damaged(header.name, `a ${header.type}`);
      else if (leadsOutside(header.linkname, dirname(path), join(work, name))) {
        throw damaged(header.name, "a link that leads outside");
      }
      late.push({ path, header });
      entry.resume();
    }
  }
  await feeding;
  // Inner folders first.
  for (const one of late.toReversed()) {
    if (one.header.type === "symlink") await symlink(one.header.linkname, one.path);
  }
  for (const one of late.toReversed()) await finishTimes(one);
}

async function finishTimes({ path, header }: Late): Promise<void> {
  const { pax, mtime, mode, type } = header;
  const exact = Number((pax as { readonly mtime?: string } | null | undefined)?.mtime ?? Number.NaN);
  const time = Number.isFinite(exact) ? exact : mtime.getTime() / 1000;
  if (type === "symlink") {
    await lutimes(path, time, time);
    return;
  }
  await chmod(path, mode & 0o7777);
  await utimes(path, time, time);
}

/** The place of an entry below the work folder. @throws CliError if its name leads anywhere else */
export function safePath(work: string, name: string, entry: string): string {
  const parts = entry.replace(/\/$/, "").split("/");
  const bad = parts.some((part) => part === "" || part === "." || part === ".." || part.includes("\0"));
  const path = normalize(join(work, ...parts));
  const top = join(work, name);
  if (bad || parts[0] !== name || (path !== top && !path.startsWith(`${top}${sep}`))) {
    throw damaged(entry, "a name that leads elsewhere");
  }
  return path;
}

function damaged(entry: string, what: string): CliError {
  return new CliError({
    code: exitCodes.failed,
    message: `the stored folder has ${what}: ${JSON.stringify(entry.slice(0, 200))}`,
    expected: "files, folders and links within the folder",
    hint: "nothing was written; fetch the stream itself with `whitepay group retrieve`",
  });
}
