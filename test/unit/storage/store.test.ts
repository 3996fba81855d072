/** Pieces on disk: stored data can be proven, and damage affects only the damaged part (R11, D8). */
import { mkdir, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toHex } from "../../../storage/core/bytes.ts";
import { verifyProof } from "../../../storage/core/proof.ts";
import type { PieceEntry, PieceList } from "../../../storage/core/piece-list.ts";
import type { Draw } from "../../../storage/core/sampling.ts";
import { PieceSourceError } from "../../../storage/disk/hash-file.ts";
import { PieceStore, StoreError } from "../../../storage/disk/store.ts";
import type { ProvenSampleOnDisk } from "../../../storage/disk/store.ts";
import { layerBytes } from "../../../storage/disk/segment-hasher.ts";
import { treeLayout } from "../../../storage/disk/tree-file.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";
import { naiveRoot } from "../../support/naive-piece.ts";
import { damage } from "../../support/damage.ts";

/** Five segments, the last of them short: a tree with padding. */
const wholeSize = 4 * 126_976 + 50_001;

type Stored = {
  readonly dir: string;
  readonly source: string;
  readonly store: PieceStore;
  readonly entry: PieceEntry;
  readonly list: PieceList;
};

async function storedPiece(size = wholeSize): Promise<Stored> {
  const dir = await temporaryFolder();
  const source = join(dir, "source");
  await writeFile(source, seededBytes(size, 77));
  const store = await PieceStore.open(join(dir, "store"));
  const entry = await store.ingest(source);
  return { dir, source, store, entry, list: await store.addToList([entry]) };
}

/** Sixteen leaves over all segments, including the first and the last. */
const allDraws: Draw[] = [0, 1, 5, 60, 123, 124, 125, 200, 247, 248, 300, 371, 372, 400, 496, 544].map(
  (leaf) => ({
    piece: 0,
    leaf,
  }),
);

/** Number of leaves that the sample proves by a keeper's check; throws if the proof is invalid. */
function provenLeaves(list: PieceList, draws: readonly Draw[], { proof }: ProvenSampleOnDisk): number[] {
  const checked = verifyProof({ list, draws, proof });
  if (!checked.ok) throw new Error(`${checked.code}: ${checked.detail}`);
  const leaves = proof.pieces.flatMap((piece) => piece.leaves.map(({ leaf }) => leaf));
  expect(checked.value.proven).toBe(leaves.length);
  return leaves;
}

const allLeaves = allDraws.map(({ leaf }) => leaf);

describe("a stored piece", () => {
  it("is a copy of the file under its root, and proves any sample of it", async () => {
    const { store, entry, list } = await storedPiece();
    const bytes = seededBytes(wholeSize, 77);
    expect(toHex(entry.root)).toBe(toHex(naiveRoot(bytes)));
    expect(Buffer.compare(await readFile(join(store.pieceDir(entry.root), "data")), bytes)).toBe(0);
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(allLeaves);
    expect(sample).toMatchObject({ lost: [], warnings: [] });
    expect(await store.faultOf(entry)).toBeUndefined();
  });

  it.each([1, 1024, 4097, 126_976, 126_977, 3 * 126_976])(
    "of %i bytes proves its first and last leaf",
    async (size) => {
      const { store, list } = await storedPiece(size);
      const last = Math.ceil(size / 1024) - 1;
      const draws = [...new Set([0, last])].map((leaf) => ({ piece: 0, leaf }));
      const sample = await store.prove(list, draws);
      expect(provenLeaves(list, draws, sample)).toEqual(draws.map(({ leaf }) => leaf));
    },
  );

  it("proves several pieces at once, in order, and each leaf once for any number of draws", async () => {
    const { dir, store, entry } = await storedPiece();
    const small = join(dir, "small");
    await writeFile(small, seededBytes(2_000, 4));
    const list = await store.addToList([await store.ingest(small)]);
    const draws = [
      { piece: 1, leaf: 1 },
      { piece: 0, leaf: 9 },
      { piece: 1, leaf: 1 },
      { piece: 0, leaf: 3 },
    ];
    const { proof } = await store.prove(list, draws);
    expect(proof.pieces.map(({ piece, leaves }) => [piece, leaves.map(({ leaf }) => leaf)])).toEqual([
      [0, [3, 9]],
      [1, [1]],
    ]);
    expect(verifyProof({ list, draws, proof })).toMatchObject({ ok: true, value: { proven: 4 } });
    expect(toHex(list.pieces.at(0)!.root)).toBe(toHex(entry.root));
  });
});

describe("damage on disk", () => {
  it("of data loses only the affected 4 KiB blocks", async () => {
    const { store, entry, list } = await storedPiece();
    await damage(join(store.pieceDir(entry.root), "data"), 124 * 1024, 124 * 1024 + 1);
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(
      allLeaves.filter((leaf) => leaf < 124 || leaf > 127),
    );
    expect(sample.lost.map(({ leaf }) => leaf)).toEqual([124, 125]);
    expect(sample.lost[0]?.reason).toMatch(/differ from the ingested ones/);
  });

  it("by a cut loses only the cut part", async () => {
    const { store, entry, list } = await storedPiece();
    await truncate(join(store.pieceDir(entry.root), "data"), 300 * 1024);
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(allLeaves.filter((leaf) => leaf < 300));
    expect(await store.faultOf(entry)).toMatch(/expected 557905 bytes, actual 307200; ingest the file again/);
  });

  it("of a segment's stored layer loses nothing: the layer is recomputed and repaired", async () => {
    const { store, entry, list } = await storedPiece();
    const tree = join(store.pieceDir(entry.root), "tree");
    const whole = await readFile(tree);
    const at = treeLayout(wholeSize).layerOffset(1);
    await damage(tree, at + 40, at + 50);
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(allLeaves);
    expect(sample.warnings.join()).toMatch(/layer of segment 1 was damaged; recomputed/);
    expect(Buffer.compare(await readFile(tree), whole)).toBe(0);
    expect((await store.prove(list, allDraws)).warnings).toEqual([]);
  });

  it.each([
    ["a drawn segment's root", 0, 1],
    ["a segment root that no draw is under", 0, 2],
    ["a node above the segments", 1, 1],
    ["the right edge beside the padding", 2, 1],
  ])("of %s costs nothing", async (_what, level, index) => {
    const { store, entry, list } = await storedPiece();
    const tree = join(store.pieceDir(entry.root), "tree");
    const whole = await readFile(tree);
    const at = treeLayout(wholeSize).nodeOffset(level, index);
    await damage(tree, at, at + 32);
    const draws = allDraws.filter(({ leaf }) => leaf < 124);
    const sample = await store.prove(list, draws);
    expect(provenLeaves(list, draws, sample)).toEqual(draws.map(({ leaf }) => leaf));
    expect(provenLeaves(list, allDraws, await store.prove(list, allDraws))).toEqual(allLeaves);
    // A node is repaired when a proof needs it.
    expect(Buffer.compare(await readFile(tree), whole)).toBe(index === 2 ? 1 : 0);
  });

  it("of layer and data in one segment loses that segment alone", async () => {
    const { store, entry, list } = await storedPiece();
    const dir = store.pieceDir(entry.root);
    const at = treeLayout(wholeSize).layerOffset(2);
    await damage(join(dir, "tree"), at, at + layerBytes);
    await damage(join(dir, "data"), 300 * 1024, 300 * 1024 + 1);
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(
      allLeaves.filter((leaf) => leaf < 248 || leaf >= 372),
    );
    expect(sample.lost.map(({ leaf }) => leaf)).toEqual([248, 300, 371]);
  });

  it("that removes the tree file loses nothing if the data are intact: the file is rebuilt", async () => {
    const { store, entry, list } = await storedPiece();
    const tree = join(store.pieceDir(entry.root), "tree");
    const whole = await readFile(tree);
    await rm(tree);
    expect(await store.faultOf(entry)).toMatch(/tree: missing/);
    expect(provenLeaves(list, allDraws, await store.prove(list, allDraws))).toEqual(allLeaves);
    for (const bad of [Buffer.alloc(whole.length), whole.subarray(0, 100)]) {
      await writeFile(tree, bad);
      expect(provenLeaves(list, allDraws, await store.prove(list, allDraws))).toEqual(allLeaves);
      expect(Buffer.compare(await readFile(tree), whole)).toBe(0);
    }
  });

  it("of both tree and data is reported, and no wrong tree is written", async () => {
    const { store, entry, list } = await storedPiece();
    const dir = store.pieceDir(entry.root);
    await rm(join(dir, "tree"));
    await damage(join(dir, "data"), wholeSize - 1, wholeSize);
    const sample = await store.prove(list, allDraws);
    expect(sample.proof.pieces).toEqual([]);
    expect(sample.lost[0]?.reason).toMatch(/tree file is damaged; ingest the file again/);
    expect((await readdir(dir)).sort()).toEqual(["data", "name"]);
  });

  it("of everything gives an empty proof with a reason for each leaf", async () => {
    const { store, entry, list } = await storedPiece();
    await rm(store.pieceDir(entry.root), { recursive: true });
    const sample = await store.prove(list, allDraws);
    expect(sample.proof.pieces).toEqual([]);
    expect(sample.lost.map(({ leaf }) => leaf)).toEqual(allLeaves);
    expect(await store.faultOf(entry)).toMatch(/missing; ingest the file again/);
  });

  it("is repaired by a new ingest of the file", async () => {
    const { store, source, entry, list } = await storedPiece();
    await truncate(join(store.pieceDir(entry.root), "data"), 0);
    await rm(join(store.pieceDir(entry.root), "tree"));
    expect(toHex((await store.ingest(source)).root)).toBe(toHex(entry.root));
    const sample = await store.prove(list, allDraws);
    expect(provenLeaves(list, allDraws, sample)).toEqual(allLeaves);
    expect(sample.warnings).toEqual([]);
  });
});

describe("the store's lists", () => {
  it("grow by new pieces only, or start anew, and stay available by their roots", async () => {
    const { dir, store, entry, list } = await storedPiece(10);
    const file = join(dir, "b");
    await writeFile(file, "b");
    const b = await store.ingest(file);
    expect(toHex((await store.addToList([entry])).root)).toBe(toHex(list.root));
    const both = await store.addToList([entry, b]);
    expect(both.pieces.map(({ size }) => size)).toEqual([10, 1]);
    const again = await PieceStore.open(store.dir);
    expect((await again.currentList())?.pieces.length).toBe(2);
    const fresh = await again.addToList([b], { replace: true });
    expect(fresh.pieces.map(({ size }) => size)).toEqual([1]);
    expect(toHex((await again.list(list.root))?.root ?? new Uint8Array())).toBe(toHex(list.root));
    expect(await again.list(seededBytes(32, 1))).toBeUndefined();
  });

  it("exist for each group; the list of pieces in no group becomes that of the first group that claims it", async () => {
    const { dir, store, entry, list } = await storedPiece(10);
    const [a, b] = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];
    const sizesOf = (of: PieceList | undefined): number[] | undefined =>
      of && [...of.pieces].map(({ size }) => size);
    expect(sizesOf(await store.claimList(a))).toEqual([10]);
    expect(await store.currentList()).toBeUndefined();
    expect(await store.claimList(b)).toBeUndefined();
    const file = join(dir, "b");
    await writeFile(file, "b");
    const other = await store.ingest(file);
    await store.addToList([other]);
    expect(sizesOf(await store.claimList(a))).toEqual([10]);
    expect(sizesOf(await store.claimList(b))).toEqual([1]);
    await store.addToList([entry], { group: b });
    expect((await store.currentLists()).map(({ group, list: one }) => [group, sizesOf(one)])).toEqual([
      [a, [10]],
      [b, [1, 10]],
    ]);
    // A crash during a claim leaves the list in both places; the next claim completes it.
    await writeFile(join(store.dir, "list"), `${toHex(list.root)}\n`);
    expect(sizesOf(await store.claimList(a))).toEqual([10]);
    expect(await store.currentList()).toBeUndefined();
    expect(sizesOf(await store.removeFromList(new Set([toHex(other.root)]), b))).toEqual([10]);
    expect(await store.removeFromList(new Set([toHex(entry.root)]), b)).toBeUndefined();
    expect((await store.currentLists()).map(({ group }) => group)).toEqual([a]);
    // Keepers may still challenge its signed lists.
    expect(await store.groups()).toEqual([a, b]);
    expect(await store.nameOf(other.root)).toBe("b");
    expect(await store.deletePiece(toHex(other.root))).toBe(1);
    expect(await store.storedRoots()).toEqual([toHex(entry.root)]);
  });

  it("stay as long as one of the groups with the same list has it", async () => {
    const { store, entry, list } = await storedPiece(10);
    const [a, b] = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];
    for (const group of [a, b]) await store.useList(list, group);
    await rm(join(store.dir, "list"));
    await store.forgetList(list, a);
    const again = await PieceStore.open(store.dir);
    expect(await again.currentList(a)).toBeUndefined();
    expect((await again.currentList(b))?.pieces.at(0)).toEqual(entry);
    await again.forgetList(list, b);
    expect(await again.list(list.root)).toBeUndefined();
  });

  it("are refused with the file's name if they are damaged or missing", async () => {
    const { store, list } = await storedPiece(10);
    const path = join(store.dir, "lists", `${toHex(list.root)}.json`);
    const text = await readFile(path, "utf8");
    const open = async () => (await PieceStore.open(store.dir)).currentList();
    for (const bad of [
      text.slice(0, 40),
      text.replace('"size": 10', '"size": 11'),
      "{}",
      '{"version":2}',
      "null",
    ]) {
      await writeFile(path, bad);
      await expect(open()).rejects.toThrow(StoreError);
      await expect(open()).rejects.toThrow(path);
    }
    await rm(path);
    await expect(open()).rejects.toThrow(/missing; restore the file/);
    await writeFile(join(store.dir, "list"), "nonsense");
    await expect(open()).rejects.toThrow(/expected a list root/);
    await rm(join(store.dir, "list"));
    expect(await open()).toBeUndefined();
  });
});

describe("ingest", () => {
  it("leaves no files after a refused source", async () => {
    const dir = await temporaryFolder();
    const store = await PieceStore.open(join(dir, "store"));
    await expect(store.ingest(join(dir, "none"))).rejects.toThrow(PieceSourceError);
    await writeFile(join(dir, "empty"), "");
    await expect(store.ingest(join(dir, "empty"))).rejects.toThrow(/at least 1 byte/);
    const source = join(dir, "long");
    await writeFile(source, seededBytes(40 * 126_976, 1));
    const stop = AbortSignal.abort(new Error("stopped"));
    await expect(store.ingest(source, { signal: stop })).rejects.toThrow("stopped");
    expect(await readdir(join(store.dir, "tmp"))).toEqual([]);
    expect(await readdir(join(store.dir, "pieces"))).toEqual([]);
  });

  it("deletes incomplete pieces of a dead process, and keeps those of a running one", async () => {
    const dir = await temporaryFolder();
    await PieceStore.open(dir);
    const dead = join(dir, "tmp", "999999999-aa");
    const alive = join(dir, "tmp", `${process.ppid}-bb`);
    for (const path of [dead, alive]) await mkdir(path);
    await PieceStore.open(dir);
    expect(await readdir(join(dir, "tmp"))).toEqual([`${process.ppid}-bb`]);
  });
});
