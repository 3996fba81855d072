/** Files that are stored where they lie: the store holds their trees alone. */
import { mkdir, readdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toHex } from "../../../storage/core/bytes.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { checkPiece } from "../../../storage/disk/check-piece.ts";
import { filesIn } from "../../../storage/disk/readable-piece.ts";
import type { CheckedPiece } from "../../../storage/disk/check-piece.ts";
import { PieceSourceError } from "../../../storage/disk/hash-file.ts";
import { addInPlace, filesUnder } from "../../../storage/disk/in-place.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { damage } from "../../support/damage.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";
import { naiveRoot } from "../../support/naive-piece.ts";

const size = 1_000_000;

type Stored = {
  readonly file: string;
  readonly dir: string;
  readonly store: PieceStore;
  readonly entry: PieceEntry;
};

async function stored(): Promise<Stored> {
  const folder = await temporaryFolder();
  const file = join(folder, "film");
  await writeFile(file, seededBytes(size, 1));
  const store = await PieceStore.open(join(folder, "store"));
  const entry = await store.ingestInPlace(file);
  return { file, dir: store.pieceDir(entry.root), store, entry };
}

async function proven(store: PieceStore, entry: PieceEntry): Promise<number[]> {
  const draws = [0, 400, 976].map((leaf) => ({ piece: 0, leaf }));
  const { proof } = await store.prove(makePieceList([entry]), draws);
  return proof.pieces.flatMap(({ leaves }) => leaves.map(({ leaf }) => leaf));
}

const check = ({ dir, entry, store }: Stored): Promise<CheckedPiece | undefined> =>
  checkPiece(filesIn(dir), entry, { temporary: () => store.volumes.at(store.dir)!.temporary() });

describe("a file that is stored where it lies", () => {
  it("is proven and served from there, and takes the space of its tree alone", async () => {
    const { file, dir, store, entry } = await stored();
    expect(toHex(entry.root)).toBe(toHex(naiveRoot(seededBytes(size, 1))));
    expect((await readdir(dir)).sort()).toEqual(["name", "source", "tree"]);
    // 8 segments of 992 bytes, 8 + 4 + 2 + 1 nodes and the header.
    expect((await store.volumes.look())[0]?.storedBytes).toBe(64 + 8 * 992 + 15 * 32);
    expect(await proven(store, entry)).toEqual([0, 400, 976]);
    expect((await store.readRange(entry, 0))?.bytes).toHaveLength(size);
    expect(await store.faultOf(entry)).toBeUndefined();
    expect(await store.deletePiece(toHex(entry.root))).toBe(0);
    expect((await stat(file)).size).toBe(size);
  });

  it("is named when it is missing or changed, and loses only what changed", async () => {
    const { file, store, entry } = await stored();
    await damage(file, 400 * 1024, 400 * 1024 + 1);
    await utimes(file, 1_000, 1_000);
    expect(await proven(store, entry)).toEqual([0, 976]);
    expect(await store.faultOf(entry)).toMatch(
      new RegExp(
        `^${file}: changed since it was hashed: expected 1000000 bytes of .*, actual 1000000 bytes of 1970-`,
      ),
    );
    await rename(file, `${file}.away`);
    expect(await proven(store, entry)).toEqual([]);
    expect(await store.faultOf(entry)).toBe(`${file}: missing; restore the file`);
    await rename(`${file}.away`, file);
    await writeFile(file, seededBytes(size, 1));
    expect(await proven(store, entry)).toEqual([0, 400, 976]);
  });

  it("is hashed again when it changed: the same bytes are noted, others are reported by name", async () => {
    const one = await stored();
    const { file, store, entry } = one;
    await utimes(file, 1_000, 1_000);
    expect(await check(one)).toEqual({
      damage: undefined,
      repaired: `${file}: has another time, but the same bytes`,
    });
    expect(await store.faultOf(entry)).toBeUndefined();
    await damage(file, 130_000, 130_001);
    const text = (await check(one))?.damage;
    expect(text).toMatch(
      /film: changed since .*1 of 8 parts are damaged; the first from byte 126976 to 253952\)$/,
    );
    await rm(file);
    expect((await check(one))?.damage).toMatch(/film: missing; restore the file \(.*film: ENOENT/);
  });

  it("replaces a copy in the store, and a copy replaces it", async () => {
    const { file, dir, store, entry } = await stored();
    await store.ingest(file);
    expect((await readdir(dir)).sort()).toEqual(["data", "name", "tree"]);
    await store.ingestInPlace(file);
    expect((await readdir(dir)).sort()).toEqual(["name", "source", "tree"]);
    expect(await proven(store, entry)).toEqual([0, 400, 976]);
  });
});

describe("adding folders", () => {
  it("finds regular files in order, and names what it leaves out", async () => {
    const folder = await temporaryFolder();
    const store = await PieceStore.open(join(folder, "store"));
    await mkdir(join(folder, "b"));
    for (const name of ["z", "a", "b/c"]) await writeFile(join(folder, name), name);
    await writeFile(join(folder, "none"), "");
    await symlink(join(folder, "a"), join(folder, "link"));
    const { files, skipped } = await filesUnder([folder, join(folder, "a")], [store.dir]);
    expect(files).toEqual(["a", "b/c", "z"].map((name) => join(folder, name)));
    expect(skipped).toEqual([
      { path: join(folder, "link"), reason: "not a regular file" },
      { path: join(folder, "none"), reason: "empty" },
      { path: store.dir, reason: "a folder of this provider" },
    ]);
    await expect(filesUnder([join(folder, "no")], [])).rejects.toThrow(/no: no such file/);
    await writeFile(join(store.dir, "list"), "x");
    await expect(filesUnder([join(store.dir, "list")], [store.dir])).rejects.toThrow(PieceSourceError);
  });

  it("reads only new and changed files again, and names those whose earlier piece is lost", async () => {
    const folder = await temporaryFolder();
    const store = await PieceStore.open(join(folder, "store"));
    const files = [1, 2, 3].map((name) => join(folder, String(name)));
    for (const [i, file] of files.entries()) await writeFile(file, seededBytes(5_000, i));
    const first = await addInPlace(store, files);
    expect(first).toMatchObject({ hashed: 3, changed: [] });
    expect(await addInPlace(store, files)).toEqual({ ...first, hashed: 0 });
    await utimes(files[0]!, 1_000, 1_000);
    await writeFile(files[1]!, seededBytes(6_000, 9));
    const second = await addInPlace(store, files);
    expect(second.hashed).toBe(2);
    expect(second.changed).toEqual([{ path: files[1], before: toHex(first.entries[1]!.root) }]);
    expect(second.entries.map(({ size: bytes }) => bytes)).toEqual([5_000, 6_000, 5_000]);
    expect(await addInPlace(store, files)).toMatchObject({ hashed: 0, changed: [] });
  });
});
