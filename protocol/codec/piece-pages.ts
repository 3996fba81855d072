/** A piece list travels in pages, from the provider or from any keeper that has it (R10). The list root on chain proves it. */
import { concatBytes, toHex } from "../../storage/core/bytes.ts";
import { PieceEntries, listOfEntries } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import type { Hex } from "../hash.ts";
import { maxPagePieces } from "./challenge.ts";
import type { PiecesPage } from "./challenge.ts";

export type ListTerms = { readonly listRoot: Hex; readonly bytes: bigint };

/** Collects the pages of one list in order. The caller fetches the page that `next` names until there is none. */
export class PieceCollector {
  readonly #terms: ListTerms;
  readonly #pages: Uint8Array[] = [];
  #count = 0;
  #total: number | undefined;
  #detail: string | undefined;

  constructor(terms: ListTerms) {
    this.#terms = terms;
  }

  /** Index of the first entry of the page to fetch; undefined when the list is complete or a page was malformed. */
  get next(): number | undefined {
    const complete = this.#total !== undefined && this.#count >= this.#total;
    return complete || this.#detail !== undefined ? undefined : this.#count;
  }

  add(page: PiecesPage): void {
    if (page.first !== this.#count || page.total !== (this.#total ?? page.total)) {
      const expected = `page from ${this.#count} of ${this.#total ?? "any"}`;
      this.#detail = `expected a ${expected}, actual one from ${page.first} of ${page.total}`;
      return;
    }
    this.#total = page.total;
    this.#pages.push(page.pieces.bytes);
    this.#count += page.pieces.length;
  }

  /** The complete list, checked against the root and the bytes on chain. */
  list(): Result<PieceList, "malformed"> {
    if (this.#detail !== undefined) return reject("malformed", this.#detail);
    const list = listOfEntries(new PieceEntries(concatBytes(...this.#pages)));
    const { listRoot, bytes } = this.#terms;
    if (toHex(list.root) !== listRoot.toLowerCase()) {
      return reject("malformed", `list root: expected ${listRoot}, actual ${toHex(list.root)}`);
    }
    if (list.totalBytes !== bytes) {
      return reject("malformed", `bytes: expected ${bytes}, actual ${list.totalBytes}`);
    }
    return accept(list);
  }
}

/** One page of a complete list. */
export function pageOf(list: PieceList, first: number): PiecesPage {
  const pieces = list.pieces.slice(first, maxPagePieces);
  return { kind: "pieces", total: list.pieces.length, first, pieces };
}
