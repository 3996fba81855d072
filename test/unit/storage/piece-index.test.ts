/** The index of a list by roots finds every piece, and no other root, even if roots begin alike. */
import { expect, it } from "vitest";
import { PieceIndex } from "../../../storage/core/piece-index.ts";
import { entriesOf } from "../../../storage/core/piece-list.ts";
import { seededBytes } from "../../support/files.ts";

it("finds each piece of a list by its root, and no other", () => {
  const alike = Array.from({ length: 5 }, (_, i) => {
    const root = seededBytes(32, 7);
    root[31] = i;
    return { root, size: 1_000 + i };
  });
  const others = Array.from({ length: 500 }, (_, i) => ({ root: seededBytes(32, 100 + i), size: i + 1 }));
  const all = [...others.slice(0, 250), ...alike, ...others.slice(250)];
  const index = new PieceIndex(entriesOf(all));
  for (const { root, size } of all) expect(index.find(root)?.size).toBe(size);
  const wrong = seededBytes(32, 7);
  wrong[31] = 9;
  expect(index.find(wrong)).toBeUndefined();
  expect(index.find(seededBytes(32, 99))).toBeUndefined();
  expect(index.find(new Uint8Array(32))).toBeUndefined();
  expect(index.find(new Uint8Array(32).fill(255))).toBeUndefined();
});
