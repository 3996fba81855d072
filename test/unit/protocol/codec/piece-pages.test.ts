/** R10: a piece list is collected page by page, and is accepted only under the root and the bytes on chain. */
import { describe, expect, it } from "vitest";
import { maxPagePieces } from "../../../../protocol/codec/challenge.ts";
import type { PiecesPage } from "../../../../protocol/codec/challenge.ts";
import { PieceCollector, pageOf } from "../../../../protocol/codec/piece-pages.ts";
import type { ListTerms } from "../../../../protocol/codec/piece-pages.ts";
import { word } from "../../../../protocol/hash.ts";
import { toHex } from "../../../../storage/core/bytes.ts";
import { makePieceList } from "../../../../storage/core/piece-list.ts";

const list = makePieceList(
  Array.from({ length: 2 * maxPagePieces + 3 }, (_, i) => ({ root: word(i), size: i + 1 })),
);
const terms = { listRoot: toHex(list.root), bytes: list.totalBytes };

function collected(
  wanted: ListTerms,
  change: (page: PiecesPage) => PiecesPage = (page) => page,
): { result: ReturnType<PieceCollector["list"]>; asked: number[] } {
  const pages = new PieceCollector(wanted);
  const asked: number[] = [];
  for (let first = pages.next; first !== undefined; first = pages.next) {
    asked.push(first);
    pages.add(change(pageOf(list, first)));
  }
  return { result: pages.list(), asked };
}

describe("a collected piece list", () => {
  it("asks for each page once, in order, and equals the list", () => {
    const { result, asked } = collected(terms);
    expect(asked).toEqual([0, maxPagePieces, 2 * maxPagePieces]);
    expect(result).toEqual({ ok: true, value: list });
  });

  it("is malformed if a page has another position, and asks for no further page", () => {
    const { result, asked } = collected(terms, (page) => ({ ...page, first: page.first + 1 }));
    expect(asked).toEqual([0]);
    expect(result).toMatchObject({ ok: false, code: "malformed" });
  });

  it("is malformed if a later page states another total", () => {
    const { result, asked } = collected(terms, (page) =>
      page.first === 0 ? page : { ...page, total: page.total - 1 },
    );
    expect(asked).toEqual([0, maxPagePieces]);
    expect(result).toMatchObject({ ok: false, code: "malformed" });
  });

  it("is malformed under another root or another number of bytes", () => {
    const root = toHex(word(1));
    expect(collected({ ...terms, listRoot: root }).result).toMatchObject({ ok: false, code: "malformed" });
    const bytes = list.totalBytes + 1n;
    expect(collected({ ...terms, bytes }).result).toMatchObject({ ok: false, code: "malformed" });
  });
});
