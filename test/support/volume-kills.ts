/** Kills a process that moves, adds and deletes pieces, at any moment, and checks what is left. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { toHex } from "../../storage/core/bytes.ts";
import { makePieceList } from "../../storage/core/piece-list.ts";
import { isWhole } from "../../storage/disk/check-piece.ts";
import { nameOfPiece, PieceStore } from "../../storage/disk/store.ts";
import { drainVolume } from "../../storage/disk/volumes/drain.ts";
import { start } from "./cli.ts";
import { seededBytes, seededNumbers, temporaryFolder } from "./files.ts";

const script = join(import.meta.dirname, "volume-process.ts");
const sizes = [2_000_000, 400_000, 100_000, 3_000_000];
const longestWait_ms = 300;

/** @returns the steps that the processes ended before they were killed */
export async function killWhileMoving(kills: number, seed: number): Promise<string[]> {
  const dir = await temporaryFolder();
  const volumes = [join(dir, "a"), join(dir, "b")].map((path) => ({ path }));
  for (const { path } of volumes) await mkdir(path);
  const files: string[] = [];
  for (const [i, size] of sizes.entries()) {
    files.push(join(dir, `file-${i}`));
    await writeFile(files.at(-1)!, seededBytes(size, i));
  }
  const open = (): Promise<PieceStore> => PieceStore.open(join(dir, "store"), { volumes });
  const first = await open();
  const entries = [];
  for (const file of files) entries.push(await first.ingest(file));
  // The process deletes and adds the third one; the fourth is only moved.
  const lasting = entries.filter((_, i) => i !== 2);
  const list = await first.addToList(lasting);
  const draws = lasting.flatMap(({ size }, piece) =>
    [0, Math.ceil(size / 1024) - 1].map((leaf) => ({ piece, leaf })),
  );
  const next = seededNumbers(seed);
  const steps: string[] = [];
  for (let i = 0; i < kills; i++) {
    const running = start(process.execPath, [script, dir, ...files.slice(0, 3)]);
    let output = "";
    running.child.stdout?.on("data", (text: string) => (output += text));
    // The speed of the machine says how far it comes in a time; the steps, in which part it is killed.
    await running.said(["ready", "moved", "turned"][(seed + i) % 3] as string);
    await sleep(next() % longestWait_ms);
    running.child.kill("SIGKILL");
    const { stderr } = await running.ended;
    expect(stderr).toBe("");
    steps.push(...output.split("\n").filter((line) => line !== "" && line !== "ready"));
    const store = await open();
    expect((await store.prove(list, draws)).lost).toEqual([]);
    expect(await store.prove(makePieceList(lasting), draws)).toMatchObject({ warnings: [] });
    for (const { path } of volumes) expect(await readdir(join(path, "tmp"))).toEqual([]);
    for (const entry of lasting) {
      const places = await store.volumes.locate(nameOfPiece(entry.root));
      for (const place of places) expect(await isWhole(place.files, entry)).toBe(true);
    }
  }
  const store = await open();
  const [a, b] = volumes.map(({ path }) => store.volumes.at(path)!);
  await store.volumes.setDraining(b!, false);
  expect((await drainVolume(store, a!)).left).toEqual([]);
  expect((await a!.stored()).pieces).toBe(0);
  const roots = new Set(await store.storedRoots());
  for (const { root } of lasting) expect(roots.has(toHex(root))).toBe(true);
  expect((await store.prove(list, draws)).lost).toEqual([]);
  return steps;
}
