import { describe, expect, it } from "vitest";
import { RecordPages } from "../../../keeper/runtime/record-pages.ts";

const root = (n: number): `0x${string}` => `0x${n.toString(16).padStart(64, "0")}`;

describe("pages of records kept for others", () => {
  it("are found by root, provider and first slot, and the oldest make room within the bound", () => {
    const pages = new RecordPages(1_000);
    for (let n = 0; n < 20; n++) pages.keep(root(n), 3, 8, new Uint8Array(100).fill(n));
    expect(pages.bytes).toBe(1_000);
    expect(pages.find(root(9), 3, 8)).toBeUndefined();
    expect(pages.find(root(10), 3, 8)?.[0]).toBe(10);
    expect(pages.find(root(10), 4, 8)).toBeUndefined();
    expect(pages.find(root(10), 3, 9)).toBeUndefined();
  });

  it("are counted once, however often they come, and never when one alone is too large", () => {
    const pages = new RecordPages(1_000);
    for (let i = 0; i < 5; i++) pages.keep(root(1), 0, 0, new Uint8Array(400));
    pages.keep(root(2), 0, 0, new Uint8Array(1_001));
    expect(pages.bytes).toBe(400);
    expect(pages.find(root(2), 0, 0)).toBeUndefined();
  });
});
