/** Moving pieces between volumes: nothing is lost, and pieces are proven meanwhile. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { DiskFullError } from "../../../storage/disk/disk-full.ts";
import { nameOfPiece, PieceStore } from "../../../storage/disk/store.ts";
import { drainVolume } from "../../../storage/disk/volumes/drain.ts";
import { damage } from "../../support/damage.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const sizes = [1, 70_000, 300_000, 5_000_000];

type Filled = {
  readonly dir: string;
  readonly a: string;
  readonly b: string;
  readonly store: PieceStore;
  readonly entries: readonly PieceEntry[];
};

/** Four pieces on volume a, and an empty volume b. */
async function filled(): Promise<Filled> {
  const dir = await temporaryFolder();
  const [a, b] = [join(dir, "a"), join(dir, "b")];
  for (const path of [a, b]) await mkdir(path);
  const volumes = [{ path: a }, { path: b, maxBytes: 1 }];
  const store = await PieceStore.open(join(dir, "store"), { volumes });
  const entries = [];
  for (const size of sizes) {
    const file = join(dir, `file-${size}`);
    await writeFile(file, seededBytes(size, size));
    entries.push(await store.ingest(file));
  }
  await store.volumes.use([{ path: a }, { path: b }]);
  return { dir, a, b, store, entries };
}

const on = async (volume: string): Promise<string[]> => readdir(join(volume, "pieces"));

async function lostLeaves(store: PieceStore, entries: readonly PieceEntry[]): Promise<number> {
  const draws = entries.flatMap(({ size }, piece) =>
    [0, Math.ceil(size / 1024) - 1].map((leaf) => ({ piece, leaf })),
  );
  return (await store.prove(makePieceList(entries), draws)).lost.length;
}

describe("draining a volume", () => {
  it("moves every piece with its name, while all are proven, and is done at once the next time", async () => {
    const { a, b, store, entries } = await filled();
    const stop = new AbortController();
    let rounds = 0;
    const proving = (async () => {
      for (; !stop.signal.aborted; rounds++) expect(await lostLeaves(store, entries)).toBe(0);
    })();
    const drained = await drainVolume(store, store.volumes.at(a)!);
    stop.abort();
    await proving;
    expect(rounds).toBeGreaterThan(0);
    const movedBytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(drained).toEqual({ moved: 4, movedBytes, left: [], arriving: 0 });
    expect([await on(a), (await on(b)).length]).toEqual([[], 4]);
    expect(await store.nameOf(entries[1]!.root)).toBe("file-70000");
    const bytes = await readFile(join(store.pieceDir(entries[2]!.root), "data"));
    expect(Buffer.compare(bytes, seededBytes(300_000, 300_000))).toBe(0);
    expect(await drainVolume(store, store.volumes.at(a)!)).toMatchObject({ moved: 0, left: [] });
    expect((await store.volumes.look())[0]).toMatchObject({ condition: "draining", pieces: 0 });
  });

  it("leaves a damaged piece where it is, since its other bytes can still be proven, and moves one with a damaged tree", async () => {
    const { a, store, entries } = await filled();
    const [, second, third] = entries;
    await damage(join(store.pieceDir(second!.root), "data"), 40_000, 40_001);
    await damage(join(store.pieceDir(third!.root), "tree"), 100, 5_000);
    const { moved, left } = await drainVolume(store, store.volumes.at(a)!);
    const root = `0x${nameOfPiece(second!.root)}`;
    expect({ moved, left }).toEqual({
      moved: 3,
      left: [{ root, reason: "it is damaged: ingest the file again" }],
    });
    expect(await on(a)).toEqual([nameOfPiece(second!.root)]);
    expect(await lostLeaves(store, entries)).toBe(0);
  });

  it("moves the others if the bytes of one piece are missing", async () => {
    const { a, store, entries } = await filled();
    await rm(join(store.pieceDir(entries[1]!.root), "data"));
    const { moved, left } = await drainVolume(store, store.volumes.at(a)!);
    expect([moved, left.length, left[0]?.reason]).toEqual([
      3,
      1,
      expect.stringMatching(/data: no such file/),
    ]);
  });

  it("stops with a reason if the others have no room, and loses nothing", async () => {
    const { a, b, store, entries } = await filled();
    await store.volumes.use([{ path: a }, { path: b, maxBytes: 1_000_000 }]);
    await expect(drainVolume(store, store.volumes.at(a)!)).rejects.toThrow(DiskFullError);
    expect(await lostLeaves(store, entries)).toBe(0);
    expect([await readdir(join(a, "tmp")), await readdir(join(b, "tmp"))]).toEqual([[], []]);
    await store.volumes.use([{ path: a }, { path: b }]);
    await drainVolume(store, store.volumes.at(a)!);
    expect(await on(a)).toEqual([]);
    expect(await lostLeaves(store, entries)).toBe(0);
  });

  it("deletes an original only beside a whole copy", async () => {
    const { a, b, store, entries } = await filled();
    await drainVolume(store, store.volumes.at(a)!);
    // As after a crash between the copy and the deletion, in which the copy was damaged.
    const last = entries[3]!;
    const name = nameOfPiece(last.root);
    await mkdir(join(a, "pieces", name));
    for (const file of ["data", "tree", "name"]) {
      await writeFile(join(a, "pieces", name, file), await readFile(join(b, "pieces", name, file)));
    }
    await damage(join(b, "pieces", name, "data"), 4_000_000, 4_000_001);
    expect(await drainVolume(store, store.volumes.at(a)!)).toMatchObject({ moved: 1, left: [] });
    expect(await lostLeaves(store, entries)).toBe(0);
    const bytes = await readFile(join(b, "pieces", name, "data"));
    expect(Buffer.compare(bytes, seededBytes(last.size, last.size))).toBe(0);
  });

  it("names the pieces that are still arriving, and moves only the tree of a file that lies elsewhere", async () => {
    const { dir, a, b, store } = await filled();
    await store.volumes.use([{ path: a }, { path: b, maxBytes: 1 }]);
    const file = join(dir, "elsewhere");
    await writeFile(file, seededBytes(2_000_000, 3));
    const entry = await store.ingestInPlace(file);
    await store.incoming({ root: seededBytes(32, 1), size: 10 });
    await store.volumes.use([{ path: a }, { path: b }]);
    expect(await drainVolume(store, store.volumes.at(a)!)).toMatchObject({ moved: 5, left: [], arriving: 1 });
    expect((await readdir(join(b, "pieces", nameOfPiece(entry.root)))).sort()).toEqual([
      "name",
      "source",
      "tree",
    ]);
    expect(await lostLeaves(store, [entry])).toBe(0);
    await rm(file);
    expect(await lostLeaves(store, [entry])).toBe(2);
  });
});
