/** Finds piece lists beside the page and at providers' servers for readers. The list's root on the chain proves it. */
import { pathOfList } from "../../protocol/codec/piece-http.ts";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { entryBytes, listOfEntries, maxPieces, PieceEntries } from "../../storage/core/piece-list.ts";
import { fetchBounded } from "./bounded.ts";

/** The folder beside the page with lists that were read before: a provider that is gone gives none any more. */
export const listsFolder = "lists";

/** Piece roots of a list; undefined: it is not this list. */
export function provenRoots(
  bytes: Uint8Array,
  listRoot: Hex,
  total: bigint,
): ReadonlySet<string> | undefined {
  if (bytes.length === 0 || bytes.length % entryBytes !== 0) return undefined;
  try {
    const list = listOfEntries(new PieceEntries(bytes));
    if (toHex(list.root) !== listRoot || list.totalBytes !== total) return undefined;
    return new Set(list.pieces.map(({ root }) => toHex(root)));
  } catch {
    return undefined;
  }
}

export type ListReader = (listRoot: Hex, total: bigint) => Promise<ReadonlySet<string> | undefined>;

/** Each list is read once. @param known roots of the lists beside the page */
export function listReader(readers: readonly string[], known: ReadonlySet<string>, base: string): ListReader {
  const asked = new Map<string, ReturnType<ListReader>>();
  const find = async (listRoot: Hex, total: bigint): ReturnType<ListReader> => {
    const beside = known.has(listRoot) ? [`${listsFolder}/${listRoot.slice(2)}`] : [];
    const places = [...beside, ...readers.map((reader) => reader.replace(/\/+$/, "") + pathOfList(listRoot))];
    for (const place of places) {
      const bytes = await fetchBounded(place, base, maxPieces * entryBytes).catch(() => undefined);
      const roots = bytes && provenRoots(bytes, listRoot, total);
      if (roots !== undefined) return roots;
    }
    return undefined;
  };
  return (root, total) => {
    const listRoot = root.toLowerCase() as Hex;
    const key = `${listRoot} ${total}`;
    const found = asked.get(key) ?? find(listRoot, total);
    asked.set(key, found);
    return found;
  };
}
