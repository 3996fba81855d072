/** An object store as a volume, against an S3 server: pieces are stored, proven by ranges, received, moved and deleted. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { drainVolume } from "../../storage/disk/volumes/drain.ts";
import { nameOfPiece, PieceStore } from "../../storage/disk/store.ts";
import { wantedForLeaves } from "../../storage/objects/reads.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { objectStore } from "../support/object-store.ts";
import type { GateRequest } from "../support/s3-gate.ts";

async function ingest(store: PieceStore, dir: string, size: number): Promise<PieceEntry> {
  const file = join(dir, `file-${size}`);
  await writeFile(file, seededBytes(size, size));
  return store.ingest(file);
}

/** Of "bytes=first-last". */
const requestedBytes = (requests: readonly GateRequest[]): number =>
  requests.reduce((sum, { range }) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    return sum + Number(last) - Number(first) + 1;
  }, 0);

const draws = (entry: PieceEntry) =>
  Array.from({ length: 16 }, (_, i) => ({
    piece: 0,
    leaf: Math.floor((i * Math.ceil(entry.size / 1024)) / 16),
  }));

it("stores, proves by ranges, lists, and moves to a disk and back", async () => {
  const objects = await objectStore();
  const dir = await temporaryFolder();
  const home = join(dir, "store");
  const disk = join(dir, "disk");
  await mkdir(disk);
  const volume = objects.volume({ prefix: "p/" });
  const store = await PieceStore.open(home, { volumes: [volume] });
  const entries = [];
  for (const size of [1, 300_000, 9_000_000]) entries.push(await ingest(store, dir, size));
  expect(await store.volumes.look()).toMatchObject([{ condition: "ready", pieces: 3, path: volume.path }]);
  for (const entry of entries) {
    objects.gate.requests.length = 0;
    const { proof, lost, warnings } = await store.prove(makePieceList([entry]), draws(entry));
    expect({ lost, warnings }).toEqual({ lost: [], warnings: [] });
    expect(proof.pieces).toHaveLength(1);
    expect(objects.gate.requests.every(({ method, range }) => method === "GET" && range !== undefined)).toBe(
      true,
    );
    // As many requests and bytes as the command `provider requests` counts for these leaves.
    const wanted = wantedForLeaves(
      entry.size,
      draws(entry).map(({ leaf }) => leaf),
    );
    expect(objects.gate.requests).toHaveLength(wanted.length);
    expect(wanted.length).toBeLessThanOrEqual(3 * 16 + 1);
    expect(requestedBytes(objects.gate.requests)).toBe(wanted.reduce((sum, { length }) => sum + length, 0));
    expect((await store.readRange(entry, 0))?.bytes.length).toBeGreaterThan(0);
  }
  await store.volumes.use([volume, { path: disk }]);
  expect((await drainVolume(store, store.volumes.at(volume.path)!)).left).toEqual([]);
  expect((await readdir(join(disk, "pieces"))).sort()).toEqual(
    entries.map(({ root }) => nameOfPiece(root)).sort(),
  );
  await store.volumes.setDraining(store.volumes.at(volume.path)!, false);
  expect((await drainVolume(store, store.volumes.at(disk)!)).left).toEqual([]);
  expect(await readdir(join(disk, "pieces"))).toEqual([]);
  for (const entry of entries) {
    expect((await store.prove(makePieceList([entry]), draws(entry))).lost).toEqual([]);
  }
}, 300_000);
