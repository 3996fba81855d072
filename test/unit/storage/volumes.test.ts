/** Several volumes: a new piece goes where room is, and a volume that goes takes only its own pieces with it. */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toHex } from "../../../storage/core/bytes.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { DiskFullError } from "../../../storage/disk/disk-full.ts";
import { makeFiles } from "../../../storage/disk/make-tree.ts";
import { nameOfPiece, PieceStore } from "../../../storage/disk/store.ts";
import { markName } from "../../../storage/disk/volumes/mark.ts";
import { damage } from "../../support/damage.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const size = 200_000;
/** Two segments of 992 bytes, three nodes and the header. */
const treeBytes = 64 + 2 * 992 + 3 * 32;
const pieceBytes = size + treeBytes;

type Places = { readonly dir: string; readonly home: string; readonly a: string; readonly b: string };

async function places(): Promise<Places> {
  const dir = await temporaryFolder();
  const [a, b] = [join(dir, "a"), join(dir, "b")];
  for (const path of [a, b]) await mkdir(path);
  return { dir, home: join(dir, "store"), a, b };
}

async function addPiece(store: PieceStore, { dir }: Places, seed: number): Promise<PieceEntry> {
  const file = join(dir, `file-${seed}`);
  await writeFile(file, seededBytes(size, seed));
  return store.ingest(file);
}

const on = async (volume: string): Promise<string[]> => readdir(join(volume, "pieces"));
const conditions = async (store: PieceStore): Promise<(readonly [string, string])[]> =>
  (await store.volumes.look()).map(({ path, condition }) => [path, condition] as const);

/** Number of the leaves 0, 7 and 150 of the piece that are proven. */
async function proven(store: PieceStore, entry: PieceEntry): Promise<number> {
  const { lost } = await store.prove(
    makePieceList([entry]),
    [0, 7, 150].map((leaf) => ({ piece: 0, leaf })),
  );
  return 3 - lost.length;
}

describe("a new piece", () => {
  it("goes to the volume with most room, and is refused with each volume's reason if it fits none", async () => {
    const at = await places();
    const { home, a, b } = at;
    const volumes = [
      { path: a, maxBytes: 2 * pieceBytes + 10 },
      { path: b, maxBytes: 3 * pieceBytes + 5 },
    ];
    const store = await PieceStore.open(home, { volumes });
    const counts = [];
    for (const seed of [1, 2, 3, 4, 5]) {
      await addPiece(store, at, seed);
      counts.push([(await on(a)).length, (await on(b)).length]);
    }
    // Room for 2.. and 3.. pieces: the larger room first, then by turns.
    expect(counts).toEqual([
      [0, 1],
      [1, 1],
      [1, 2],
      [2, 2],
      [2, 3],
    ]);
    const error = await addPiece(store, at, 6).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DiskFullError);
    expect((error as Error).message).toBe(
      `the disk is full: no volume takes ${pieceBytes} bytes: ${a} has 10 free; ${b} has 5 free`,
    );
    expect([await readdir(join(a, "tmp")), await readdir(join(b, "tmp"))]).toEqual([[], []]);
    expect(await store.storedRoots()).toHaveLength(5);
    expect(await store.volumes.look()).toMatchObject([
      { path: a, condition: "ready", pieces: 2, storedBytes: 2 * pieceBytes, freeBytes: 10 },
      { path: b, condition: "ready", pieces: 3, storedBytes: 3 * pieceBytes, freeBytes: 5 },
    ]);
  });

  it("replaces a damaged one on another volume", async () => {
    const at = await places();
    const store = await PieceStore.open(at.home, { volumes: [{ path: at.a }] });
    const entry = await addPiece(store, at, 1);
    await damage(join(store.pieceDir(entry.root), "data"), 0, size);
    await store.volumes.use([{ path: at.a, maxBytes: 1 }, { path: at.b }]);
    expect(await proven(store, entry)).toBe(0);
    await addPiece(store, at, 1);
    expect([await on(at.a), await on(at.b)]).toEqual([[], [nameOfPiece(entry.root)]]);
    expect(await proven(store, entry)).toBe(3);
  });

  it("leaves the store's own folder alone once volumes are named; pieces there stay", async () => {
    const at = await places();
    const old = await PieceStore.open(at.home);
    const first = await addPiece(old, at, 1);
    expect(await conditions(old)).toEqual([[at.home, "ready"]]);
    const store = await PieceStore.open(at.home, { volumes: [{ path: at.a }] });
    await addPiece(store, at, 2);
    expect([(await on(at.home)).length, (await on(at.a)).length]).toEqual([1, 1]);
    expect(await conditions(store)).toEqual([
      [at.a, "ready"],
      [at.home, "closed"],
    ]);
    expect(await proven(store, first)).toBe(3);
    await store.deletePiece(toHex(first.root));
    expect(await conditions(store)).toEqual([[at.a, "ready"]]);
  });
});

describe("a volume that is gone", () => {
  it("takes only its pieces with it, gets no new ones, and comes back by itself", async () => {
    const at = await places();
    const { home, a, b } = at;
    const store = await PieceStore.open(home, { volumes: [{ path: a }, { path: b, maxBytes: pieceBytes }] });
    const onA = await addPiece(store, at, 1);
    await store.volumes.use([{ path: a, maxBytes: 1 }, { path: b }]);
    const onB = await addPiece(store, at, 2);
    await store.volumes.use([{ path: a }, { path: b, maxBytes: 2 * pieceBytes }]);
    await rename(a, join(at.dir, "unplugged"));
    // An empty mount point is no volume, and nothing is written there.
    await mkdir(a);
    expect([await proven(store, onA), await proven(store, onB)]).toEqual([0, 3]);
    expect(await store.volumes.look()).toMatchObject([
      { path: a, condition: "gone", freeBytes: 0 },
      { path: b, condition: "ready" },
    ]);
    expect((await store.volumes.look())[0]?.reason).toMatch(/its mark is missing: another disk or none/);
    expect(await store.faultOf(onA)).toMatch(
      /on no volume that can be read; gone: .*a \(its mark is missing/,
    );
    await addPiece(store, at, 3);
    expect(await on(b)).toHaveLength(2);
    await expect(addPiece(store, at, 4)).rejects.toThrow(/a is gone \(its mark is missing.*b has 0 free/);
    // A restart meanwhile changes nothing.
    const restarted = await PieceStore.open(home, { volumes: [{ path: a }, { path: b }] });
    expect((await restarted.volumes.look())[0]?.condition).toBe("gone");
    expect(await readdir(a)).toEqual([]);
    await rm(a, { recursive: true });
    await rename(join(at.dir, "unplugged"), a);
    expect([await proven(store, onA), await proven(store, onB)]).toEqual([3, 3]);
    expect(await conditions(store)).toEqual([
      [a, "ready"],
      [b, "ready"],
    ]);
  });

  it("is known again at another path", async () => {
    const at = await places();
    const store = await PieceStore.open(at.home, { volumes: [{ path: at.a }] });
    const entry = await addPiece(store, at, 1);
    const moved = join(at.dir, "elsewhere");
    await rename(at.a, moved);
    await store.volumes.use([{ path: moved }]);
    expect(await proven(store, entry)).toBe(3);
    expect(await conditions(store)).toEqual([[moved, "ready"]]);
  });

  it.each([
    ["that is a file", async ({ a }: Places) => writeFile(a, ""), /it is a file, expected a folder/],
    ["without a folder", async () => undefined, /there is no such file or folder/],
    [
      "with a damaged mark",
      async ({ a }: Places) => {
        await mkdir(a);
        await writeFile(join(a, markName), "{}");
      },
      /damaged: expected .* restore the file/,
    ],
    [
      "that is the same as another",
      async ({ a, b }: Places) => cp(b, a, { recursive: true }),
      /the same volume as .*b/,
    ],
  ])("%s is reported, and the others work", async (_what, make, reason) => {
    const at = await places();
    const { home, a, b } = at;
    await PieceStore.open(home, { volumes: [{ path: b }] });
    await rm(a, { recursive: true });
    await make(at);
    const store = await PieceStore.open(home, { volumes: [{ path: b }, { path: a }] });
    const [, bad] = await store.volumes.look();
    expect(bad).toMatchObject({ path: a, condition: "gone" });
    expect(bad?.reason).toMatch(reason);
    await addPiece(store, at, 1);
    expect(await on(b)).toHaveLength(1);
  });
});

describe("a draining volume", () => {
  it("takes no new pieces in any process until it is told to, and is forgotten with the setting", async () => {
    const at = await places();
    const { home, a, b } = at;
    const volumes = [{ path: a }, { path: b, maxBytes: 2 * pieceBytes }];
    const store = await PieceStore.open(home, { volumes });
    const other = await PieceStore.open(home, { volumes });
    await other.volumes.setDraining(other.volumes.at(a)!, true);
    await addPiece(store, at, 1);
    expect(await on(b)).toHaveLength(1);
    expect((await conditions(store))[0]).toEqual([a, "draining"]);
    await other.volumes.setDraining(other.volumes.at(b)!, true);
    await expect(addPiece(store, at, 2)).rejects.toThrow(
      /no volume takes new pieces: .*a is draining; .*b is draining/,
    );
    await other.volumes.setDraining(other.volumes.at(b)!, false);
    await other.volumes.setDraining(other.volumes.at(a)!, false);
    await addPiece(store, at, 2);
    expect(await on(a)).toHaveLength(1);
    await other.volumes.setDraining(other.volumes.at(a)!, true);
    await store.volumes.use([{ path: b }]);
    await store.volumes.use(volumes);
    expect((await conditions(store))[0]).toEqual([a, "ready"]);
  });
});

describe("two copies of a piece after a crash", () => {
  it("prove it from the whole one, and are both deleted with it", async () => {
    const at = await places();
    const { home, a, b } = at;
    const store = await PieceStore.open(home, { volumes: [{ path: a }, { path: b, maxBytes: 1 }] });
    const entry = await addPiece(store, at, 1);
    const name = nameOfPiece(entry.root);
    await cp(join(a, "pieces", name), join(b, "pieces", name), { recursive: true });
    await damage(join(a, "pieces", name, "data"), 0, size);
    expect(await proven(store, entry)).toBe(3);
    expect((await store.readRange(entry, 0))?.bytes).toHaveLength(size);
    await rm(join(a, "pieces", name, "data"));
    expect(await store.faultOf(entry)).toBeUndefined();
    await store.deletePiece(toHex(entry.root));
    expect([await on(a), await on(b)]).toEqual([[], []]);
  });
});

describe("a piece that arrives in parts", () => {
  it("has its place at once, survives a restart, and becomes a stored piece", async () => {
    const at = await places();
    const { home, a } = at;
    const volumes = [{ path: a, maxBytes: pieceBytes + 100 }];
    const store = await PieceStore.open(home, { volumes });
    const source = join(at.dir, "source");
    await writeFile(source, seededBytes(size, 1));
    const made = { data: join(at.dir, "data"), tree: join(at.dir, "tree") };
    const entry = await makeFiles(source, size, made);
    const { dir } = await store.incoming(entry);
    expect((await store.volumes.look())[0]).toMatchObject({ freeBytes: 100, pieces: 0 });
    await expect(addPiece(store, at, 2)).rejects.toThrow(DiskFullError);
    const again = await PieceStore.open(home, { volumes });
    const resumed = await again.incoming(entry);
    expect(resumed.dir).toBe(dir);
    await cp(made.data, join(resumed.dir, "data"));
    await cp(made.tree, resumed.tree);
    expect(await proven(again, entry)).toBe(0);
    await again.publishIncoming(entry);
    await again.publishIncoming(entry);
    expect(await proven(again, entry)).toBe(3);
    expect(await readdir(join(a, "incoming"))).toEqual([]);
    expect(
      Buffer.compare(await readFile(join(again.pieceDir(entry.root), "data")), seededBytes(size, 1)),
    ).toBe(0);
  });

  it("is dropped without a trace", async () => {
    const at = await places();
    const store = await PieceStore.open(at.home);
    const entry = { root: seededBytes(32, 1), size };
    await store.incoming(entry);
    await store.dropIncoming(entry);
    await store.dropIncoming(entry);
    expect(await readdir(join(at.home, "incoming"))).toEqual([]);
  });
});
