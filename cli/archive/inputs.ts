/** The files that `archive import` and `archive add` are given: folders, files and URLs, each under its name in the archive. */
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { collision, nameFault } from "../../archive/names.ts";
import { isSourceUrl, maxFiles } from "../../archive/schema.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";

export type ArchiveInput =
  | {
      readonly kind: "file";
      readonly name: string;
      readonly path: string;
      readonly bytes: number;
      readonly mtime_ns: bigint;
    }
  | { readonly kind: "url"; readonly name: string; readonly url: string };

/** Most entries of the folders: each file has at most a few folders of its own. */
const maxEntries = 4 * maxFiles;

/** `NAME=PLACE`, or a place alone. */
async function split(
  argument: string,
): Promise<{ readonly name: string | undefined; readonly place: string }> {
  const isPlace =
    /^https?:\/\//i.test(argument) || (await stat(argument).catch(() => undefined)) !== undefined;
  const at = argument.indexOf("=");
  if (isPlace || at <= 0) return { name: undefined, place: argument };
  return { name: argument.slice(0, at), place: argument.slice(at + 1) };
}

function checkedName(name: string, place: string): string {
  const fault = nameFault(name);
  if (fault === undefined) return name;
  throw usageError(`${quote(place)} has a name that no file of an archive can have: ${fault}`, {
    actual: quote(name),
    hint: "rename it, or give NAME=PLACE",
  });
}

function urlInput(name: string | undefined, url: string): ArchiveInput {
  if (!isSourceUrl(url)) {
    throw usageError("a source is not valid", {
      expected: "an http or https URL without spaces, name, password and fragment",
      actual: quote(url),
    });
  }
  let last: string;
  try {
    last = decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
  } catch {
    last = "";
  }
  return { kind: "url", name: checkedName(name ?? last, url), url };
}

type Listing = {
  readonly inputs: ArchiveInput[];
  /** Files that are not part of the archive: its own file and its journal. */
  readonly without: ReadonlySet<string>;
  entries: number;
};

async function addFile(into: Listing, name: string, path: string): Promise<void> {
  if (into.without.has(resolve(path))) return;
  const stats = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw usageError(`${path} cannot be read: ${whyNot(error)}`);
  });
  if (!stats.isFile()) {
    const actual = stats.isDirectory() ? "a link to a folder" : "a device, pipe or socket";
    throw usageError(`${path} cannot be in an archive`, { expected: "a file", actual });
  }
  if (stats.size === 0n) {
    throw usageError(`${path} is empty`, {
      expected: "at least 1 byte",
      hint: "remove it: a piece has at least one byte",
    });
  }
  if (into.inputs.length >= maxFiles)
    throw usageError("too many files", { expected: `at most ${maxFiles}`, actual: "more" });
  const [bytes, mtime_ns] = [Number(stats.size), stats.mtimeNs];
  into.inputs.push({ kind: "file", name: checkedName(name, path), path, bytes, mtime_ns });
}

async function addFolder(into: Listing, prefix: string, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: "buffer" }).catch(
    (error: unknown) => {
      throw usageError(`${folder} cannot be read: ${whyNot(error)}`);
    },
  );
  into.entries += entries.length;
  if (into.entries > maxEntries)
    throw usageError(`${folder} has too many entries`, { expected: `at most ${maxEntries}` });
  for (const entry of entries.toSorted((a, b) => Buffer.compare(a.name, b.name))) {
    const name = entry.name.toString("utf8");
    const path = join(folder, name);
    if (!Buffer.from(name, "utf8").equals(entry.name)) {
      throw usageError(`${path} has a name that is not valid UTF-8`, { hint: "rename it" });
    }
    if (entry.isDirectory()) await addFolder(into, `${prefix}${name}/`, path);
    else await addFile(into, `${prefix}${name}`, path);
  }
}

/**
 * All files behind the arguments, in their order; those of a folder sorted. Names of one folder begin below it, those of several with the
 * folder's name. Reads names, sizes and times only.
 * @throws CliError exit 2 for what cannot be in an archive
 */
export async function inputsOf(
  places: readonly string[],
  without: readonly string[],
): Promise<ArchiveInput[]> {
  const into: Listing = { inputs: [], without: new Set(without.map((path) => resolve(path))), entries: 0 };
  for (const argument of places) {
    const { name, place } = await split(argument);
    if (/^https?:\/\//i.test(place)) {
      into.inputs.push(urlInput(name, place));
      continue;
    }
    const stats = await stat(place).catch((error: unknown) => {
      throw usageError(`${place} cannot be read: ${whyNot(error)}`);
    });
    if (!stats.isDirectory()) await addFile(into, name ?? basename(place), place);
    else {
      const own = name ?? (places.length === 1 ? undefined : basename(resolve(place)));
      await addFolder(into, own === undefined ? "" : `${own}/`, place);
    }
  }
  const fault = collision(into.inputs.map(({ name }) => name));
  if (fault !== undefined) throw usageError(`names collide: ${fault}`, { hint: "give NAME=PLACE" });
  if (into.inputs.length === 0) throw usageError("there is no file to hash");
  return into.inputs;
}
