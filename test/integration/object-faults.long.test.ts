/** Faults of an object store are reported as what they are: a piece is lost only if the store answers that its bytes are not there. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, it } from "vitest";
import { piecesOfPass } from "../../provider/scrubber.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { checkPiece } from "../../storage/disk/check-piece.ts";
import { DiskFullError } from "../../storage/disk/disk-full.ts";
import { nameOfPiece, PieceStore } from "../../storage/disk/store.ts";
import { UnreachableError } from "../../storage/disk/unreachable.ts";
import { seededBytes, temporaryFolder } from "../support/files.ts";
import { bucketName, objectStore, region } from "../support/object-store.ts";
import type { ObjectOptions, ObjectStore } from "../support/object-store.ts";

const size = 300_000;
const draws = [0, 100, 290].map((leaf) => ({ piece: 0, leaf }));

type Scene = {
  readonly objects: ObjectStore;
  readonly dir: string;
  readonly home: string;
  readonly store: PieceStore;
  readonly entry: PieceEntry;
};

async function scene(options: ObjectOptions = {}): Promise<Scene> {
  const objects = await objectStore();
  const dir = await temporaryFolder();
  const file = join(dir, "file");
  await writeFile(file, seededBytes(size, 1));
  const home = join(dir, "store");
  const volumes = [objects.volume({ prefix: "p/", timeout_ms: 3_000, ...options })];
  const store = await PieceStore.open(home, { volumes });
  return { objects, dir, home, store, entry: await store.ingest(file) };
}

async function lost({ store, entry }: Scene): Promise<string[]> {
  return (await store.prove(makePieceList([entry]), draws)).lost.map(({ reason }) => reason);
}

async function check({ store, entry }: Scene) {
  const [place] = await store.volumes.locate(nameOfPiece(entry.root));
  return checkPiece(place!.files, entry, { temporary: () => place!.volume.temporary() });
}

const client = ({ objects: { gate } }: Scene): S3Client =>
  new S3Client({ endpoint: gate.endpoint, region, forcePathStyle: true, credentials: gate });

const limit_ms = 300_000;

it(
  "does not take an unreachable store for lost data, and proves all when it is back",
  async () => {
    const world = await scene();
    const { objects, store, entry } = world;
    const { gate } = objects;
    for (const [fault, reason] of [
      [{ kind: "cut" }, /: the store cannot be reached \(/],
      [{ kind: "hang" }, /: the store cannot be reached \(no answer in time\)/],
      [
        { kind: "answer", status: 503, code: "SlowDown" },
        /: the store asks for fewer requests \(503 SlowDown/,
      ],
      [{ kind: "answer", status: 500, code: "InternalError" }, /: the store has a fault \(500 InternalError/],
      [
        { kind: "answer", status: 403, code: "AccessDenied" },
        /: the store refuses this key \(403 AccessDenied/,
      ],
    ] as const) {
      gate.fault = () => fault;
      const reasons = await lost(world);
      expect(reasons).toHaveLength(3);
      for (const text of reasons) expect(text).toMatch(reason);
      for (const text of reasons) expect(text).not.toMatch(/ingest|lost|damaged/);
      await expect(check(world)).rejects.toThrow(UnreachableError);
      await expect(store.readRange(entry, 0)).rejects.toThrow(UnreachableError);
      expect(await store.volumes.look()).toMatchObject([
        { condition: "gone", reason: expect.stringMatching(reason) as unknown },
      ]);
      expect(await store.faultOf(entry)).toBeUndefined();
      gate.fault = () => undefined;
      expect(await lost(world)).toEqual([]);
      expect(await check(world)).toEqual({ damage: undefined, repaired: undefined });
      expect(await store.volumes.look()).toMatchObject([{ condition: "ready", pieces: 1 }]);
    }
  },
  limit_ms,
);

it(
  "repeats a request that the store asks to repeat, and corrects its time for a store with another clock",
  async () => {
    const world = await scene();
    const { gate } = world.objects;
    let busy = 2;
    gate.fault = () => (busy-- > 0 ? { kind: "answer", status: 503, code: "SlowDown" } : undefined);
    expect((await world.store.readRange(world.entry, 0))?.bytes).toHaveLength(size);
    gate.skew_ms = 3_600_000;
    expect(await lost(world)).toEqual([]);
    // A store whose clock is unknown says so.
    gate.fault = () => ({ kind: "answer", status: 403, code: "RequestTimeTooSkewed" });
    for (const text of await lost(world))
      expect(text).toMatch(/: the clocks of this machine and of the store differ/);
  },
  limit_ms,
);

it(
  "reports a wrong key, a wrong secret and a missing bucket, and takes no piece then",
  async () => {
    const { objects, dir } = await scene();
    for (const [options, reason] of [
      [{ accessKeyId: "AKIDOTHER" }, /refuses this key \(403 InvalidAccessKeyId/],
      [{ secretAccessKey: "another secret" }, /refuses this key \(403 SignatureDoesNotMatch/],
      [{ bucket: "no-such-bucket" }, /there is no such bucket/],
    ] as const) {
      const store = await PieceStore.open(join(dir, `other-${String(reason)}`.replaceAll(/\W/g, "")), {
        volumes: [objects.volume(options)],
      });
      expect(await store.volumes.look()).toMatchObject([
        { condition: "gone", reason: expect.stringMatching(reason) as unknown },
      ]);
      await expect(store.ingest(join(dir, "file"))).rejects.toThrow(/no volume takes new pieces: .* is gone/);
    }
  },
  limit_ms,
);

it(
  "is read-only for a key that may not write, and full at its limit",
  async () => {
    const world = await scene({ maxBytes: size + 10_000 });
    const { objects, store, dir } = world;
    await writeFile(join(dir, "other"), seededBytes(size, 2));
    await expect(store.ingest(join(dir, "other"))).rejects.toThrow(DiskFullError);
    objects.gate.fault = ({ method }) =>
      method === "PUT" ? { kind: "answer", status: 403, code: "AccessDenied" } : undefined;
    await writeFile(join(dir, "small"), seededBytes(100, 2));
    await expect(store.ingest(join(dir, "small"))).rejects.toThrow(
      /the store refuses this key \(403 AccessDenied/,
    );
    expect(await store.volumes.look()).toMatchObject([{ condition: "read-only", pieces: 1 }]);
    expect(await lost(world)).toEqual([]);
  },
  limit_ms,
);

it(
  "finds damaged and deleted objects, and makes a damaged tree anew",
  async () => {
    const world = await scene();
    const s3 = client(world);
    const key = (file: string): string => `p/pieces/${nameOfPiece(world.entry.root)}/${file}`;
    const put = (file: string, Body: Buffer) =>
      s3.send(new PutObjectCommand({ Bucket: bucketName, Key: key(file), Body }));
    const treeBytes = 64 + 3 * 992 + (3 + 2 + 1) * 32;
    await put("tree", Buffer.alloc(treeBytes, 7));
    expect(await lost(world)).toHaveLength(3);
    expect((await check(world))?.repaired).toMatch(/tree: was damaged; made anew/);
    expect(await lost(world)).toEqual([]);
    const bytes = Buffer.from(seededBytes(size, 1));
    bytes[5] = ~(bytes[5] as number);
    await put("data", bytes);
    expect(await lost(world)).toEqual([
      expect.stringMatching(/bytes 0 to 4096 differ from the ingested ones/),
    ]);
    expect((await check(world))?.damage).toMatch(
      /data: 1 of 3 parts are damaged; the first from byte 0 to 126976/,
    );
    await s3.send(new DeleteObjectCommand({ Bucket: bucketName, Key: key("data") }));
    for (const text of await lost(world)) expect(text).toMatch(/the object or its range does not exist/);
    expect((await check(world))?.damage).toMatch(/3 of 3 parts are damaged, 3 of them cannot be read/);
    s3.destroy();
  },
  limit_ms,
);

it(
  "lists the objects again without its notes, and refuses another data folder until it may take over",
  async () => {
    const world = await scene();
    const { objects, home, entry, dir } = world;
    const volumes = [objects.volume({ prefix: "p/" })];
    const folder = world.store.pieceDir(entry.root).split("/pieces/")[0] as string;
    await rm(folder, { recursive: true });
    const again = await PieceStore.open(home, { volumes });
    expect(await again.storedRoots()).toEqual([`0x${nameOfPiece(entry.root)}`]);
    expect(await lost({ ...world, store: again })).toEqual([]);
    const elsewhere = join(dir, "elsewhere");
    const other = await PieceStore.open(elsewhere, { volumes });
    expect(await other.volumes.look()).toMatchObject([
      { condition: "gone", reason: expect.stringMatching(/belongs to another data folder/) as unknown },
    ]);
    const taken = await PieceStore.open(elsewhere, {
      volumes: [objects.volume({ prefix: "p/", takeOver: true })],
    });
    expect(await lost({ ...world, store: taken })).toEqual([]);
  },
  limit_ms,
);

it(
  "is read by the scrub within its bound: each piece once in as many passes as the bound needs, or never",
  async () => {
    const { objects, dir, home, store } = await scene();
    for (let i = 0; i < 12; i++) {
      await writeFile(join(dir, `piece-${i}`), seededBytes(1_000, i));
      await store.ingest(join(dir, `piece-${i}`));
    }
    const storedBytes = (await store.volumes.look())[0]?.storedBytes ?? 0;
    const due = async (scrubBytes: number, pass: number): Promise<string[]> => {
      const volumes = [objects.volume({ prefix: "p/", scrubBytes })];
      const pieces = await piecesOfPass(await PieceStore.open(home, { volumes }), pass);
      return pieces.map(({ root }) => nameOfPiece(root));
    };
    const all = (await store.storedRoots()).map((root) => root.slice(2));
    expect(await due(storedBytes, 7)).toEqual(all);
    expect(await due(0, 7)).toEqual([]);
    const passes = await Promise.all([7, 8, 9].map((pass) => due(Math.ceil(storedBytes / 3), pass)));
    expect(passes.flat().sort()).toEqual(all);
    expect(Math.max(...passes.map(({ length }) => length))).toBeLessThan(all.length);
    expect(await due(Math.ceil(storedBytes / 3), 10)).toEqual(passes[0]);
  },
  limit_ms,
);
