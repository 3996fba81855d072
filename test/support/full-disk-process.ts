/**
 * Plays every write of a store on a small disk that fills up, in a mount namespace of its own: `full-disk-process.ts DISK FOLDER KIB…`, where DISK
 * is a small file system, FOLDER lies on another, and each KIB is the free space of a play. Prints one line of JSON for each play.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readdir, rm, statfs, utimes, writeFile } from "node:fs/promises";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { checkPiece } from "../../storage/disk/check-piece.ts";
import { filesIn } from "../../storage/disk/readable-piece.ts";
import { isDiskFull } from "../../storage/disk/disk-full.ts";
import { PieceStore } from "../../storage/disk/store.ts";
import { drainVolume } from "../../storage/disk/volumes/drain.ts";
import { damage } from "./damage.ts";
import { seededBytes } from "./files.ts";

const [disk = "", folder = "", ...kibs] = process.argv.slice(2);
const say = (value: object): number => writeSync(1, `${JSON.stringify(value)}\n`);
const group = `0x${"a1".repeat(20)}`;
const filler = join(disk, "filler");

/** Leaves so many KiB free. */
async function leave(kib: number): Promise<void> {
  await rm(filler, { force: true });
  const { bavail, bsize } = await statfs(disk);
  await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - kib * 1024)));
}

type Scene = { readonly store: PieceStore; readonly entries: readonly PieceEntry[]; readonly file: string };

/** A store on the disk with two pieces in a list, one of them a file that lies elsewhere. */
async function scene(): Promise<Scene> {
  for (const path of [disk, folder]) {
    for (const name of await readdir(path)) await rm(join(path, name), { recursive: true, force: true });
  }
  const [file, there] = [join(folder, "file"), join(folder, "there")];
  await writeFile(file, seededBytes(3_000_000, 1));
  await writeFile(there, seededBytes(200_000, 2));
  await mkdir(join(folder, "other"));
  const store = await PieceStore.open(join(disk, "store"));
  await writeFile(join(folder, "small"), seededBytes(150_000, 3));
  const entries = [await store.ingest(join(folder, "small")), await store.ingestInPlace(there)];
  await store.addToList(entries);
  return { store, entries, file };
}

type Play = { readonly name: string; readonly run: (scene: Scene) => Promise<unknown> };

const plays: readonly Play[] = [
  { name: "ingest", run: ({ store, file }) => store.ingest(file) },
  {
    name: "ingest while the disk fills up",
    run: async ({ store, file }) => {
      await leave(8_000);
      let isFilled = false;
      const onProgress = (): void => {
        if (!isFilled)
          execFileSync("sh", ["-c", 'head -c 100M /dev/zero > "$1" 2> /dev/null || true', "sh", filler]);
        isFilled = true;
      };
      await store.ingest(file, { workers: 1, onProgress });
    },
  },
  { name: "ingest in place", run: ({ store, file }) => store.ingestInPlace(file) },
  {
    name: "begin a piece that arrives in parts",
    run: ({ store }) => store.incoming({ root: seededBytes(32, 9), size: 3_000_000 }),
  },
  { name: "add to a list", run: ({ store, entries }) => store.addToList(entries, { group }) },
  { name: "claim a list", run: ({ store }) => store.claimList(group) },
  {
    name: "remove from a list",
    run: ({ store, entries }) => store.removeFromList(new Set([toHex(entries[0]!.root)])),
  },
  {
    name: "make a tree anew",
    run: async ({ store, entries }) => {
      const dir = store.pieceDir(entries[0]!.root);
      await damage(join(dir, "tree"), 64, 1_000).catch(() => undefined);
      const temporary = (): string => store.volumes.at(store.dir)!.temporary();
      return checkPiece(filesIn(dir), entries[0]!, { temporary });
    },
  },
  {
    name: "note a file's time",
    run: async ({ store, entries }) => {
      await utimes(join(folder, "there"), 1_000, 1_000);
      const temporary = (): string => store.volumes.at(store.dir)!.temporary();
      return checkPiece(filesIn(store.pieceDir(entries[1]!.root)), entries[1]!, { temporary });
    },
  },
  {
    name: "move pieces here",
    run: async ({ store, file }) => {
      const other = join(folder, "other");
      const wide = await PieceStore.open(store.dir, { volumes: [{ path: other }, { path: store.dir }] });
      await wide.volumes.setDraining(wide.volumes.at(store.dir)!, true);
      await wide.ingest(file);
      await wide.volumes.setDraining(wide.volumes.at(store.dir)!, false);
      return drainVolume(wide, wide.volumes.at(other)!);
    },
  },
];

async function stateOf(store: PieceStore): Promise<string> {
  const lists = await store.currentLists();
  return JSON.stringify(lists.map(({ group: whose, list }) => [whose, toHex(list.root)]));
}

for (const { name, run } of plays) {
  for (const kib of kibs.map(Number)) {
    const made = await scene();
    const before = await stateOf(made.store);
    await leave(kib);
    let outcome = "done";
    let detail = "";
    try {
      await run(made);
    } catch (error) {
      outcome = isDiskFull(error) ? "full" : "other";
      detail = (error as Error).message;
    }
    await rm(filler, { force: true });
    // As after a restart with room again.
    const store = await PieceStore.open(made.store.dir);
    const list = await store.list((await made.store.addToList(made.entries)).root);
    const draws = made.entries.map((_, piece) => ({ piece, leaf: 100 }));
    const lost = list === undefined ? ["no list"] : (await store.prove(list, draws)).lost;
    const after = await stateOf(await PieceStore.open(made.store.dir));
    const left = await readdir(join(store.dir, "tmp"));
    say({ name, kib, outcome, detail, lost, left, isUnchanged: before === after });
  }
}

/** A volume that becomes read-only, and comes back. */
const { file } = await scene();
const wide = await PieceStore.open(join(folder, "home"), {
  volumes: [{ path: disk }, { path: join(folder, "other") }],
});
await wide.volumes.setDraining(wide.volumes.at(join(folder, "other"))!, true);
await writeFile(join(folder, "little"), seededBytes(60_000, 5));
const entry = await wide.ingest(join(folder, "little"));
await wide.volumes.setDraining(wide.volumes.at(join(folder, "other"))!, false);
const list = await wide.addToList([entry]);
execFileSync("mount", ["-o", "remount,ro", disk]);
const conditions = async (): Promise<string[]> =>
  (await wide.volumes.look()).map(({ condition }) => condition);
const readOnly = await conditions();
const proven = 1 - (await wide.prove(list, [{ piece: 0, leaf: 3 }])).lost.length;
const elsewhere = wide.pieceDir((await wide.ingest(file)).root).startsWith(join(folder, "other"));
const reopened = await PieceStore.open(join(folder, "home"), {
  volumes: [{ path: disk }, { path: join(folder, "other") }],
});
const provenAgain = 1 - (await reopened.prove(list, [{ piece: 0, leaf: 3 }])).lost.length;
const drained = await drainVolume(wide, wide.volumes.at(disk)!);
execFileSync("mount", ["-o", "remount,rw", disk]);
say({
  name: "read-only",
  readOnly,
  proven,
  provenAgain,
  elsewhere,
  left: drained.left,
  after: await conditions(),
});
