/**
 * A folder as a tar stream (pax): sorted, so that the same folder is always the same bytes; owners are left out. Headers come from
 * names, sizes, modes and times alone, so the stream's length is known before a file is read.
 */
import { lstat, readdir, readlink } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { basename, dirname, join, normalize, sep } from "node:path";
import { pack } from "tar-stream";
import { concatBytes } from "../../storage/core/bytes.ts";
import { usageError } from "../console/exit.ts";
import type { SourcePiece } from "./parts.ts";
import { markOf } from "./unchanged-file.ts";
import { counted } from "../../protocol/counted.ts";

/** Part of the stream that one file, folder or link makes. */
export type FolderPart = {
  /** For the fingerprint: everything but the content. */
  readonly line: string;
  readonly modified_us: number;
  readonly pieces: readonly SourcePiece[];
};

const blockBytes = 512;
/** A folder's headers are held in memory, about 1 KiB each. */
const maxEntries = 262_144;

type Entry = {
  /** Path below the folder's parent, with slashes. */
  readonly name: string;
  readonly path: string;
  readonly stats: BigIntStats;
  readonly link?: string;
};

/**
 * The stream's parts, in order.
 * @throws CliError exit 2 for what cannot be restored: devices, links that lead outside, names that are no text
 */
export async function folderParts(folder: string): Promise<FolderPart[]> {
  const entries: Entry[] = [];
  await list(folder, basename(folder), folder, entries);
  const parts: FolderPart[] = [];
  for (const entry of entries) parts.push(await partOf(entry));
  const end = new Uint8Array(2 * blockBytes);
  return [...parts, { line: "", modified_us: 0, pieces: [{ kind: "data", bytes: end.length, data: end }] }];
}

async function list(path: string, name: string, top: string, into: Entry[]): Promise<void> {
  const stats = await lstat(path, { bigint: true });
  if (into.length >= maxEntries) {
    throw usageError(`${top} has too many files for one item`, {
      expected: `at most ${counted(maxEntries, "entry", "entries")} (files and folders)`,
      hint: "store its folders one by one, or pack it with tar",
    });
  }
  if (stats.isDirectory()) {
    into.push({ name: `${name}/`, path, stats });
    const names = await readdir(path, { encoding: "buffer" });
    for (const raw of names.toSorted((a, b) => Buffer.compare(a, b))) {
      const child = raw.toString("utf8");
      if (!Buffer.from(child, "utf8").equals(raw)) {
        throw usageError(`${join(path, child)} has a name that is not valid UTF-8`, { hint: "rename it" });
      }
      await list(join(path, child), `${name}/${child}`, top, into);
    }
  } else if (stats.isFile()) {
    into.push({ name, path, stats });
  } else if (stats.isSymbolicLink()) {
    into.push({ name, path, stats, link: await innerLink(path, top) });
  } else {
    throw usageError(`${path} cannot be stored`, {
      expected: "files, folders and links",
      actual: "a device, pipe or socket",
      hint: "move it out of the folder",
    });
  }
}

/** A link's target, which lies in the stored folder: a link that leads outside could be restored onto foreign files. */
async function innerLink(path: string, top: string): Promise<string> {
  const link = await readlink(path);
  if (leadsOutside(link, dirname(path), top)) {
    throw usageError(`${path} is a link that leads outside of ${top}`, {
      expected: "a relative link within the folder",
      actual: JSON.stringify(link.slice(0, 120)),
      hint: "replace it by what it points to, or remove it",
    });
  }
  return link;
}

/** Whether a link in folder `from` leaves `top`. */
export function leadsOutside(link: string, from: string, top: string): boolean {
  if (link === "" || link.startsWith(sep)) return true;
  const target = normalize(join(from, link));
  return target !== top && !target.startsWith(`${top}${sep}`);
}

async function partOf({ name, path, stats, link }: Entry): Promise<FolderPart> {
  const mtime_ns = stats.mtimeNs;
  const mode = Number(stats.mode) & 0o7777;
  const isFile = stats.isFile();
  const size = isFile ? Number(stats.size) : 0;
  const data = await headerOf({
    name,
    mode,
    size,
    mtime_ns,
    ...(link === undefined ? { type: isFile ? "file" : "directory" } : { type: "symlink", linkname: link }),
  });
  const header = { kind: "data", bytes: data.length, data } as const;
  const fill = (blockBytes - (size % blockBytes)) % blockBytes;
  const body = isFile
    ? ([
        { kind: "file", bytes: size, mark: markOf(path, stats) },
        { kind: "data", bytes: fill, data: new Uint8Array(fill) },
      ] as const)
    : [];
  const line = [name, link ?? "", mode, size, mtime_ns].join("\0");
  return { line, modified_us: Number(stats.mtimeNs / 1_000n), pieces: [header, ...body] };
}

type Header = {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink";
  readonly linkname?: string;
  readonly mode: number;
  readonly size: number;
  readonly mtime_ns: bigint;
};

/** The header blocks as the library writes them: a pax header with the exact time, then the entry's own. */
async function headerOf({ mtime_ns, ...header }: Header): Promise<Uint8Array> {
  const stream = pack();
  const seconds = mtime_ns / 1_000_000_000n;
  const mtime = new Date(Number(seconds) * 1000);
  const fraction = String(mtime_ns % 1_000_000_000n).padStart(9, "0");
  const pax = mtime_ns >= 0n ? { mtime: `${seconds}.${fraction}` } : undefined;
  const entry = stream.entry({ ...header, mtime, ...(pax === undefined ? {} : { pax }) });
  // The entry is given up after its header: the body comes from the file.
  entry.on("error", () => {});
  let bytes: Uint8Array = new Uint8Array(0);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes = concatBytes(bytes, chunk);
    if (bytes.length >= headerLength(bytes)) break;
  }
  return bytes;
}

/** Bytes of an entry's header: one block, or three parts with a pax header. */
function headerLength(bytes: Uint8Array): number {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, blockBytes));
  if (text.length < blockBytes || text[156] !== "x") return blockBytes;
  const paxBytes = Number.parseInt(text.slice(124, 136), 8);
  return (2 + Math.ceil(paxBytes / blockBytes)) * blockBytes;
}
