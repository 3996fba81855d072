/** The places that a manifest names for a file: URLs, and files of other manifests, which name places of their own (R46). */
import type { Hex } from "../../protocol/hash.ts";

/** A source as a manifest has it. */
export type NamedSource =
  | { readonly url: string }
  | { readonly manifest: Hex; readonly name: string }
  | { readonly torrent: string; readonly path: string };

/** An entry of a manifest. */
export type NamedFile = {
  readonly name: string;
  readonly root: Hex;
  readonly sources: readonly NamedSource[];
};

export type FilePlaces = {
  /** Each once, in the order in which they are named. */
  readonly urls: readonly string[];
  /** Sentences: sources that cannot be used, and why. */
  readonly notes: readonly string[];
};

/** A manifest names another one, which names another one, …: so deep, and so many in all. */
const mostDepth = 4;
const mostManifests = 16;
/** A file has at most 16 sources in a manifest. */
const mostUrls = 64;

/**
 * @param openManifest the verified manifest with this root; rejects if no source gives it
 * @returns also if sources cannot be used: the bytes are verified whatever place they come from
 */
export async function placesOf(
  file: NamedFile,
  openManifest: (root: Hex) => Promise<readonly NamedFile[]>,
): Promise<FilePlaces> {
  const urls = new Set<string>();
  const notes: string[] = [];
  const seen = new Set<string>();
  const walk = async ({ sources }: NamedFile, path: readonly Hex[]): Promise<void> => {
    for (const source of sources) {
      if ("url" in source) {
        if (urls.size < mostUrls) urls.add(source.url);
      } else if ("torrent" in source) {
        notes.push(`torrent ${source.torrent}: not read here; a client for torrents reads ${source.path}`);
      } else {
        const { manifest, name } = source;
        const note = (why: string): void => void notes.push(`manifest ${manifest}, ${name}: ${why}`);
        if (path.includes(manifest)) note("the manifests name each other in a cycle");
        else if (path.length >= mostDepth) note(`more than ${mostDepth} manifests lead to it`);
        else if (seen.size >= mostManifests) note(`more than ${mostManifests} manifests are named`);
        else if (!seen.has(`${manifest} ${name}`)) {
          seen.add(`${manifest} ${name}`);
          await follow(source, path, note);
        }
      }
    }
  };
  const follow = async (
    { manifest, name }: { readonly manifest: Hex; readonly name: string },
    path: readonly Hex[],
    note: (why: string) => void,
  ): Promise<void> => {
    try {
      const found = (await openManifest(manifest)).find((one) => one.name === name);
      if (found === undefined) note("it has no file of this name");
      else if (found.root !== file.root)
        note(`another file: expected root ${file.root}, actual ${found.root}`);
      else await walk(found, [...path, manifest]);
    } catch (error) {
      note((error as Error).message);
    }
  };
  await walk(file, []);
  return { urls: [...urls], notes };
}
