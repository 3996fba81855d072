/** kill -9 while a piece arrives on an object store: what was acknowledged is there after each restart, and is not sent again. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { makePieceList } from "../../storage/core/piece-list.ts";
import { rangeBytes, rangeCount } from "../../storage/core/range.ts";
import { isWhole } from "../../storage/disk/check-piece.ts";
import { IncomingRanges, verifiedRange } from "../../storage/disk/incoming.ts";
import { readRange } from "../../storage/disk/range-reader.ts";
import { nameOfPiece, PieceStore } from "../../storage/disk/store.ts";
import { LostPartsError } from "../../storage/disk/volumes/volume.ts";
import { start } from "../support/cli.ts";
import { seededBytes, seededNumbers, temporaryFolder } from "../support/files.ts";
import { bucketName, objectStore, region } from "../support/object-store.ts";

const script = join(import.meta.dirname, "..", "support", "object-process.ts");
/** Four parts; the last one has less than a range. */
const size = 13 * rangeBytes + 70_000;

async function piece() {
  const dir = await temporaryFolder();
  const file = join(dir, "file");
  await writeFile(file, seededBytes(size, 7));
  const source = await PieceStore.open(join(dir, "source"));
  const entry = await source.ingest(file);
  const [place] = await source.volumes.locate(nameOfPiece(entry.root));
  return { dir, home: join(dir, "store"), entry, folder: place!.dir, files: place!.files };
}

it("loses no acknowledged range in six kills, and every part is sent once but for those under way", async () => {
  const objects = await objectStore();
  const { home, entry, folder } = await piece();
  await mkdir(home);
  const { endpoint, accessKeyId, secretAccessKey } = objects.gate;
  const setting = JSON.stringify({
    bucket: { endpoint, region, bucket: bucketName, prefix: "p/", pathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
    root: nameOfPiece(entry.root),
    size,
  });
  const next = seededNumbers(3);
  const stored = new Set<number>();
  let kills = 0;
  for (;;) {
    const running = start(process.execPath, [script, home, setting, folder]);
    let output = "";
    running.child.stdout?.on("data", (text: string) => (output += text));
    await running.said("ready ");
    if (kills < 6) {
      await sleep(next() % 250);
      kills++;
      running.child.kill("SIGKILL");
    }
    const { stderr } = await running.ended;
    expect(stderr).toBe("");
    // Each range that a killed process acknowledged is there at the next start.
    expect(Number(/ready (\d+)/.exec(output)?.[1])).toBeGreaterThanOrEqual(stored.size);
    for (const [, range] of output.matchAll(/stored (\d+)\n/g)) stored.add(Number(range));
    if (output.includes("whole\n")) break;
  }
  expect(kills).toBeGreaterThan(0);
  const parts = objects.gate.requests.filter(
    ({ method, path }) => method === "PUT" && path.includes("partNumber"),
  );
  // A kill may repeat the part that was under way.
  expect(parts.length).toBeLessThanOrEqual(4 + kills);
  const store = await PieceStore.open(home, { volumes: [objects.volume({ prefix: "p/" })] });
  const [place] = await store.volumes.locate(nameOfPiece(entry.root));
  expect(await isWhole(place!.files, entry)).toBe(true);
  const draws = Array.from({ length: 16 }, (_, i) => ({ piece: 0, leaf: i * 1600 }));
  expect((await store.prove(makePieceList([entry]), draws)).lost).toEqual([]);
  expect(await store.volumes.look()).toMatchObject([{ pieces: 1, condition: "ready" }]);
}, 500_000);

it("keeps what arrived while the store does not answer, and asks for all again when the store forgot it", async () => {
  const objects = await objectStore();
  const { home, entry, files } = await piece();
  const volume = objects.volume({ prefix: "p/", timeout_ms: 2_000 });
  const store = await PieceStore.open(home, { volumes: [volume] });
  const incoming = await IncomingRanges.open(store, entry);
  const write = async (range: number): Promise<void> => {
    const verified = await verifiedRange(entry, range, (await readRange(files, entry, range))!);
    await incoming.write(verified!);
  };
  for (const range of [0, 1, 2]) await write(range);
  objects.gate.fault = () => ({ kind: "cut" });
  // The fourth range completes a part, which cannot be sent: it is not acknowledged.
  await expect(write(3)).rejects.toThrow(/s3:\/\/pieces-of-a-test\/p\/: .*: the store cannot be reached/);
  expect([0, 1, 2, 3].map((range) => incoming.has(range))).toEqual([true, true, true, false]);
  expect(await store.volumes.look()).toMatchObject([{ condition: "gone", reason: /cannot be reached/ }]);
  objects.gate.fault = () => undefined;
  for (let range = 3; range < rangeCount(size); range++) await write(range);
  const [upload] = objects.gate.requests
    .map(({ path }) => /uploadId=([^&]+)/.exec(path)?.[1])
    .filter((id) => id !== undefined);
  objects.gate.fault = ({ method, path }) =>
    method === "POST" && path.includes(`uploadId=${upload}`)
      ? { kind: "answer", status: 404, code: "NoSuchUpload" }
      : undefined;
  await expect(incoming.publish()).rejects.toThrow(LostPartsError);
  expect(incoming.has(0)).toBe(false);
  for (let range = 0; range < rangeCount(size); range++) await write(range);
  objects.gate.fault = () => undefined;
  await incoming.publish();
  const [place] = await store.volumes.locate(nameOfPiece(entry.root));
  expect(await isWhole(place!.files, entry)).toBe(true);
}, 500_000);
