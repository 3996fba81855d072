import { describe, expect, it } from "vitest";
import { pageHash } from "../../../../protocol/codec/record-pages.ts";
import { RecordPages } from "../../../../keeper/runtime/record-pages.ts";

const page = (n: number, size = 100): Uint8Array => new Uint8Array(size).fill(n);

describe("the kept pages of records", () => {
  it("are found by their hash; the oldest are dropped beyond the bound", () => {
    const pages = new RecordPages(1_000);
    for (let n = 0; n < 20; n++) pages.keep(page(n));
    expect(pages.bytes).toBe(1_000);
    expect(pages.find(pageHash(page(9)))).toBeUndefined();
    expect(pages.find(pageHash(page(10)))?.[0]).toBe(10);
  });

  it("are counted once each; a page larger than the bound is not kept", () => {
    const pages = new RecordPages(1_000);
    for (let i = 0; i < 5; i++) pages.keep(page(1, 400));
    const tooLarge = pages.keep(page(2, 1_001));
    expect(pages.bytes).toBe(400);
    expect(pages.find(tooLarge)).toBeUndefined();
  });
});
