/** The lose-data fault on real files. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loseData } from "../../../provider-sim/lose-data.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

describe("losing data", () => {
  it("destroys the given fraction of each piece in whole blocks, and returns the number of bytes", async () => {
    const folder = await temporaryFolder();
    const store = await PieceStore.open(join(folder, "store"));
    const sizes = [100_000, 5_000];
    const entries: PieceEntry[] = [];
    for (const [i, size] of sizes.entries()) {
      await writeFile(join(folder, String(i)), seededBytes(size, i));
      entries.push(await store.ingest(join(folder, String(i))));
    }
    const list = await store.addToList(entries);
    const changed = async (piece: number): Promise<number[]> => {
      const now = await readFile(join(store.pieceDir(entries[piece]!.root), "data"));
      const then = seededBytes(sizes[piece]!, piece);
      return [now.length, then.filter((byte, i) => byte !== now[i]).length];
    };
    expect(await loseData(store, list, 0)).toBe(0);
    expect(await loseData(store, list, 0.5)).toBe(12 * 4096 + 4096);
    expect([await changed(0), await changed(1)]).toEqual([
      [100_000, 12 * 4096],
      [5_000, 4096],
    ]);
    expect(await loseData(store, list, 1)).toBe(105_000);
    expect((await changed(0))[0]).toBe(0);
    for (const fraction of [1.5, Number.NaN])
      await expect(loseData(store, list, fraction)).rejects.toThrow(RangeError);
  });
});
