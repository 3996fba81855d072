/** A piece list comes in pages, from the provider or from any keeper that has it: the root on chain vouches for it. */
import { concatBytes, toHex } from "../../storage/core/bytes.ts";
import type { Hash } from "../../storage/core/merkle.ts";
import { PieceEntries, listOfEntries } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { MAX_PAGE_PIECES } from "./challenge.ts";
import type { PiecesPage } from "./challenge.ts";

export type ListTerms = { readonly listRoot: Hex; readonly bytes: bigint };

/** Pages of a list, oldest first; whatever `fetchPage` rejects with ends the collection. */
export async function collectPieces<Failure>(
  terms: ListTerms,
  fetchPage: (first: number) => Promise<PiecesPage | { readonly failure: Failure }>,
  hash?: Hash,
): Promise<Result<PieceList, "malformed"> | { readonly failure: Failure }> {
  const pages: Uint8Array[] = [];
  let count = 0;
  let total = 1;
  while (count < total) {
    const page = await fetchPage(count);
    if ("failure" in page) return page;
    if (page.first !== count || (count > 0 && page.total !== total)) {
      const expected = `page from ${count} of ${count > 0 ? total : "any"}`;
      return reject("malformed", `expected a ${expected}, actual one from ${page.first} of ${page.total}`);
    }
    total = page.total;
    pages.push(page.pieces.bytes);
    count += page.pieces.length;
  }
  const list = listOfEntries(new PieceEntries(concatBytes(...pages)), hash);
  if (toHex(list.root) !== terms.listRoot.toLowerCase()) {
    return reject("malformed", `list root: expected ${terms.listRoot}, actual ${toHex(list.root)}`);
  }
  if (list.totalBytes !== terms.bytes) {
    return reject("malformed", `bytes: expected ${terms.bytes}, actual ${list.totalBytes}`);
  }
  return accept(list);
}

/** One page of a list that is here. */
export function pageOf(list: PieceList, first: number): PiecesPage {
  const pieces = list.pieces.slice(first, MAX_PAGE_PIECES);
  return { kind: "pieces", total: list.pieces.length, first, pieces };
}
