/** A piece list comes in pages, from the provider or from any keeper that has it: the root on chain vouches for it. */
import { toHex } from "../../storage/core/bytes.ts";
import type { Hash } from "../../storage/core/merkle.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../core/hash.ts";
import { MAX_PAGE_PIECES } from "./challenge.ts";
import type { PiecesPage } from "./challenge.ts";

export type ListTerms = { readonly listRoot: Hex; readonly bytes: bigint };

/** Pages of a list, oldest first; whatever `fetchPage` rejects with ends the collection. */
export async function collectPieces<Failure>(
  terms: ListTerms,
  fetchPage: (first: number) => Promise<PiecesPage | { readonly failure: Failure }>,
  hash?: Hash,
): Promise<Result<PieceList, "malformed"> | { readonly failure: Failure }> {
  const pieces: PieceEntry[] = [];
  let total = 1;
  while (pieces.length < total) {
    const page = await fetchPage(pieces.length);
    if ("failure" in page) return page;
    if (page.first !== pieces.length || (pieces.length > 0 && page.total !== total)) {
      const expected = `page from ${pieces.length} of ${pieces.length > 0 ? total : "any"}`;
      return reject("malformed", `expected a ${expected}, actual one from ${page.first} of ${page.total}`);
    }
    total = page.total;
    pieces.push(...page.pieces);
  }
  const list = makePieceList(pieces, hash);
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
  const pieces = list.pieces.slice(first, first + MAX_PAGE_PIECES);
  return { kind: "pieces", total: list.pieces.length, first, pieces };
}
