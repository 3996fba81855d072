/** The daily list of an object store's objects beside other work: it deletes nothing that is being stored, and brings nothing back. */
import { rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, it, onTestFinished, vi } from "vitest";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { rangeBytes, rangeCount } from "../../storage/core/range.ts";
import { isWhole } from "../../storage/disk/check-piece.ts";
import { DiskFullError } from "../../storage/disk/disk-full.ts";
import { IncomingRanges, verifiedRange } from "../../storage/disk/incoming.ts";
import { readRange } from "../../storage/disk/range-reader.ts";
import { nameOfPiece, PieceStore } from "../../storage/disk/store.ts";
import { treeLayout } from "../../storage/disk/tree-file.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { bucketName, objectStore, region } from "../support/object-store.ts";
import type { ObjectOptions, ObjectStore } from "../support/object-store.ts";

const day_ms = 24 * 3_600_000;
const size = 5_000;

type Scene = {
  readonly objects: ObjectStore;
  readonly store: PieceStore;
  /** Of the volume, on this machine. */
  readonly folder: string;
  /** Opens the store once more, as another process does. */
  readonly again: () => Promise<PieceStore>;
  /** Writes a file whose bytes depend on the seed. */
  readonly file: (seed: number, bytes?: number) => Promise<string>;
};

async function scene(options: ObjectOptions = {}): Promise<Scene> {
  const objects = await objectStore();
  const dir = await temporaryFolder();
  const again = (): Promise<PieceStore> =>
    PieceStore.open(join(dir, "store"), { volumes: [objects.volume({ prefix: "p/", ...options })] });
  const store = await again();
  return {
    objects,
    store,
    again,
    folder: dirname(dirname(store.pieceDir(new Uint8Array(32)))),
    async file(seed, bytes = size) {
      const path = join(dir, `file-${seed}`);
      await writeFile(path, seededBytes(bytes, seed));
      return path;
    },
  };
}

const notesOf = async (store: PieceStore): Promise<string[]> => (await store.storedRoots()).sort();
const rootsOf = (...entries: PieceEntry[]): string[] =>
  entries.map(({ root }) => `0x${nameOfPiece(root)}`).sort();

async function wholeIn(store: PieceStore, entry: PieceEntry): Promise<boolean> {
  const [place] = await store.volumes.locate(nameOfPiece(entry.root));
  return place !== undefined && isWhole(place.files, entry);
}

/** The next list is due; it is made beside `meanwhile`, which runs when the store has answered and its answer is under way. */
async function listBeside(
  { objects, store, folder }: Scene,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  const listed = join(folder, "listed");
  const long = new Date(Date.now() - 2 * day_ms);
  await utimes(listed, long, long);
  let lists = 0;
  objects.gate.fault = ({ path }) =>
    path.includes("list-type=2") && lists++ === 0 ? { kind: "late", meanwhile } : undefined;
  await store.volumes.look();
  await vi.waitFor(async () => expect((await stat(listed)).mtimeMs).toBeGreaterThan(Date.now() - day_ms), {
    timeout: 30_000,
  });
  expect(lists).toBe(1);
}

it("keeps a piece that was stored after the store had listed its objects", async () => {
  const world = await scene();
  const { store } = world;
  const first = await store.ingest(await world.file(1));
  let second: PieceEntry | undefined;
  await listBeside(world, async () => (second = await store.ingest(await world.file(2))));
  expect(await notesOf(await world.again())).toEqual(rootsOf(first, second!));
  expect(await wholeIn(store, second!)).toBe(true);
});

it("does not bring a piece back that was deleted after the store had listed its objects", async () => {
  const world = await scene();
  const { store } = world;
  const [first, second] = [await store.ingest(await world.file(1)), await store.ingest(await world.file(2))];
  await listBeside(world, () => store.deletePiece(`0x${nameOfPiece(second.root)}`));
  expect(await notesOf(await world.again())).toEqual(rootsOf(first));
});

it("notes a piece of which a crash left the objects alone, and forgets one whose tree was deleted", async () => {
  const world = await scene();
  const { store, folder } = world;
  const [first, second] = [await store.ingest(await world.file(1)), await store.ingest(await world.file(2))];
  await rm(join(folder, "pieces", nameOfPiece(first.root)), { recursive: true });
  const s3 = client(world);
  const Key = `p/pieces/${nameOfPiece(second.root)}/tree`;
  await s3.send(new DeleteObjectCommand({ Bucket: bucketName, Key }));
  await listBeside(world, async () => undefined);
  expect(await notesOf(await world.again())).toEqual(rootsOf(first));
});

it("keeps the bytes of a piece that another process is storing while it lists", async () => {
  const world = await scene();
  const { objects, store, folder } = world;
  let isListed = false;
  objects.gate.fault = ({ method, path }) =>
    method === "PUT" && /\/data(\?|$)/.test(path) ? { kind: "late", meanwhile } : undefined;
  async function meanwhile(): Promise<void> {
    await rm(join(folder, "listed"));
    await world.again();
    isListed = true;
  }
  const entry = await store.ingest(await world.file(1));
  expect(isListed).toBe(true);
  expect(await wholeIn(store, entry)).toBe(true);
});

const client = ({ objects: { gate } }: Scene): S3Client => {
  const s3 = new S3Client({ endpoint: gate.endpoint, region, forcePathStyle: true, credentials: gate });
  onTestFinished(() => s3.destroy());
  return s3;
};

/** A piece with ranges on a disk, to send from. */
async function source(bytes: number) {
  const dir = await temporaryFolder();
  await writeFile(join(dir, "file"), seededBytes(bytes, 9));
  const store = await PieceStore.open(join(dir, "source"));
  const entry = await store.ingest(join(dir, "file"));
  const [place] = await store.volumes.locate(nameOfPiece(entry.root));
  const send = async (incoming: IncomingRanges, range: number): Promise<void> => {
    const proven = await readRange(place!.files, entry, range);
    await incoming.write((await verifiedRange(entry, range, proven!))!);
  };
  return { entry, send };
}

it("deletes bytes without a tree a day after a crash, but not those of a piece that still arrives", async () => {
  const world = await scene();
  const { objects, store } = world;
  const { entry, send } = await source(size);
  const incoming = await IncomingRanges.open(store, entry);
  await send(incoming, 0);
  // As a crash leaves it: the bytes are in the store, the tree is not.
  await (await store.incoming(entry)).finish(entry);
  const left = `pieces/${"ab".repeat(32)}/data`;
  await client(world).send(
    new PutObjectCommand({ Bucket: bucketName, Key: `p/${left}`, Body: Buffer.alloc(size) }),
  );
  const deleted = (): string[] =>
    objects.gate.requests.filter(({ method }) => method === "DELETE").map(({ path }) => path);
  const list = async (): Promise<void> => {
    await rm(join(world.folder, "listed"));
    await world.again();
  };
  onTestFinished(() => void vi.useRealTimers());
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: now + 0.9 * day_ms });
  await list();
  expect(deleted()).toEqual([]);
  vi.setSystemTime(now + 1.1 * day_ms);
  await list();
  expect(deleted()).toEqual([expect.stringContaining(`/p/${left}`)]);
  await incoming.publish();
  expect(await wholeIn(store, entry)).toBe(true);
});

it("counts and lists pieces that arrive as a disk does: their room is taken, and they can be given up", async () => {
  const bytes = 3 * rangeBytes;
  const room = bytes + treeLayout(bytes).fileBytes;
  const maxBytes = 2 * room - 1;
  const { store, again } = await scene({ maxBytes });
  const { entry, send } = await source(bytes);
  const incoming = await IncomingRanges.open(store, entry);
  await send(incoming, 0);
  expect(await store.volumes.look()).toMatchObject([{ pieces: 0, storedBytes: 0, freeBytes: room - 1 }]);
  const other = { root: new Uint8Array(32).fill(7), size: bytes };
  await expect(store.incoming(other)).rejects.toThrow(DiskFullError);
  expect(await (await again()).incomingRoots()).toEqual(rootsOf(entry));
  for (let range = 1; range < rangeCount(bytes); range++) await send(incoming, range);
  await incoming.publish();
  expect(await store.incomingRoots()).toEqual([]);
  expect(await store.volumes.look()).toMatchObject([
    { pieces: 1, storedBytes: room, freeBytes: maxBytes - room },
  ]);
  await store.incoming({ ...other, size: 1 });
  expect(await store.incomingRoots()).toEqual(rootsOf(other));
  await store.dropIncoming(other);
  expect(await store.incomingRoots()).toEqual([]);
});

it("gives room to one of two pieces that are ingested at once, if there is room for one", async () => {
  const bytes = 3 * rangeBytes;
  const room = bytes + treeLayout(bytes).fileBytes;
  const maxBytes = 2 * room - 1;
  const { store, again, file } = await scene({ maxBytes });
  const other = await again();
  const [one, two] = [await file(1, bytes), await file(2, bytes)];
  const results = await Promise.allSettled([store.ingest(one), other.ingest(two)]);
  const refused = results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every((reason) => reason instanceof DiskFullError)).toBe(true);
  const [look] = await store.volumes.look();
  expect(look?.storedBytes).toBeLessThanOrEqual(maxBytes);
  // What was refused holds no room.
  expect(look?.freeBytes).toBe(maxBytes - (look?.storedBytes ?? 0));
});
