/** Reading a whole piece: every damaged byte is found, and a damaged tree is made anew. */
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { checkPiece } from "../../../storage/disk/check-piece.ts";
import { filesIn } from "../../../storage/disk/readable-piece.ts";
import type { CheckedPiece, CheckOptions } from "../../../storage/disk/check-piece.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { layerBytes } from "../../../storage/disk/segment-hasher.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";
import { damage } from "../../support/damage.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

/** Five segments, the last of them short. */
const size = 4 * 126_976 + 50_001;

type Stored = { readonly data: string; readonly tree: string; readonly entry: PieceEntry; check: Check };
type Check = (options?: Partial<CheckOptions>) => Promise<CheckedPiece | undefined>;

async function stored(): Promise<Stored> {
  const dir = await temporaryFolder();
  const file = join(dir, "file");
  await writeFile(file, seededBytes(size, 7));
  const store = await PieceStore.open(join(dir, "store"));
  const entry = await store.ingest(file);
  const folder = store.pieceDir(entry.root);
  const temporary = (): string => store.volumes.at(store.dir)!.temporary();
  return {
    data: join(folder, "data"),
    tree: join(folder, "tree"),
    entry,
    check: (options = {}) => checkPiece(filesIn(folder), entry, { temporary, ...options }),
  };
}

const whole = { damage: undefined, repaired: undefined };

describe("checking a piece", () => {
  it("reads every segment once, from the one that it is told", async () => {
    const { check } = await stored();
    const seen: [number, number][] = [];
    const onSegment = async (bytes: number, next: number): Promise<void> => void seen.push([bytes, next]);
    expect(await check({ onSegment })).toEqual(whole);
    expect(seen).toEqual([1, 2, 3, 4, 5].map((next) => [next === 5 ? 50_001 : 126_976, next]));
    seen.length = 0;
    expect(await check({ from: 3, onSegment })).toEqual(whole);
    expect(seen.map(([, next]) => next)).toEqual([4, 5]);
  });

  it("goes on before the damage that it found when it was stopped", async () => {
    const { data, check } = await stored();
    await damage(data, 130_000, 130_001);
    const places: number[] = [];
    const stopped = check({
      onSegment: async (_bytes, next) => {
        places.push(next);
        if (places.length === 3) throw new Error("stopped");
      },
    });
    await expect(stopped).rejects.toThrow("stopped");
    expect(places).toEqual([1, 1, 1]);
    expect((await check({ from: 1 }))?.damage).toMatch(/1 of 5 parts are damaged/);
  });

  it.each([
    [[0], 1, 0],
    [[size - 1], 1, 4 * 126_976],
    [[126_976, 400_000], 2, 126_976],
    [[126_975], 1, 0],
  ])("finds damage at bytes %j in %i parts", async (positions, parts, first) => {
    const { data, check } = await stored();
    for (const at of positions) await damage(data, at, at + 1);
    const found = await check();
    expect(found?.damage).toContain(
      `data: ${parts} of 5 parts are damaged; the first from byte ${first} to `,
    );
    expect(found?.repaired).toBeUndefined();
  });

  it("finds a cut and a missing file", async () => {
    const { data, check } = await stored();
    await truncate(data, 300_000);
    expect((await check())?.damage).toMatch(/3 of 5 parts are damaged, 3 of them cannot be read; the first/);
    await rm(data);
    expect((await check())?.damage).toMatch(/data: ENOENT/);
  });

  it.each([
    ["its header", 20, 21],
    ["a segment's layer", treeLayout(size).layerOffset(2) + 5, treeLayout(size).layerOffset(2) + layerBytes],
    ["a segment's root", treeLayout(size).nodeOffset(0, 1), treeLayout(size).nodeOffset(0, 1) + 32],
    ["a node above", treeLayout(size).nodeOffset(1, 1), treeLayout(size).nodeOffset(1, 1) + 1],
    ["the top", treeLayout(size).nodeOffset(3, 0), treeLayout(size).nodeOffset(3, 0) + 1],
  ])("makes a tree anew that is damaged in %s", async (_where, from, to) => {
    const { tree, check } = await stored();
    const before = await readFile(tree);
    await damage(tree, from, to);
    const found = await check();
    expect(found?.damage).toBeUndefined();
    expect(found?.repaired).toMatch(/tree: was damaged; made anew/);
    expect((await readFile(tree)).equals(before)).toBe(true);
    expect(await check()).toEqual(whole);
  });

  it("makes a missing tree anew, but not from damaged bytes", async () => {
    const { data, tree, check } = await stored();
    const before = await readFile(tree);
    await rm(tree);
    expect((await check({ from: 3 }))?.repaired).toMatch(/made anew/);
    expect((await readFile(tree)).equals(before)).toBe(true);
    await rm(tree);
    await damage(data, 7, 8);
    expect((await check())?.damage).toMatch(/data: bytes differ, and the tree file is damaged, too/);
    await expect(readFile(tree)).rejects.toThrow(/ENOENT/);
  });

  it("says nothing about a piece that is deleted meanwhile", async () => {
    const { data, check } = await stored();
    const onSegment = async (): Promise<void> => rm(join(data, ".."), { recursive: true, force: true });
    expect(await check({ onSegment })).toBeUndefined();
  });
});
