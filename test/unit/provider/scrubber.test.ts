/** The scrub: its speed, what it finds, and that it goes on after a restart. Time is the test's own. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { passTime_ms, Scrubber, scrubSpeed } from "../../../provider/scrubber.ts";
import type { ScrubDependencies } from "../../../provider/scrubber.ts";
import { readScrubState } from "../../../provider/scrub-state.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { PieceStore } from "../../../storage/disk/store.ts";
import { damage } from "../../support/damage.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const sizes = [1_000, 300_000, 700_000];
const total = 1_001_000;
const day_ms = 24 * 3_600_000;

type Scene = {
  readonly dir: string;
  readonly volume: string;
  readonly store: PieceStore;
  readonly entries: readonly PieceEntry[];
  readonly logged: string[];
  readonly clock: { now_ms: number };
  /** Runs a scrub until the test's clock shows `until_ms`; one that has nothing to wait for ends, too. */
  readonly scrub: (until_ms: number, changes?: Partial<ScrubDependencies>) => Promise<Scrubber>;
};

async function scene(): Promise<Scene> {
  const dir = await temporaryFolder();
  const volume = join(dir, "volume");
  await mkdir(volume);
  const store = await PieceStore.open(join(dir, "store"), { volumes: [{ path: volume }] });
  const entries = [];
  for (const size of sizes) {
    const file = join(dir, `file-${size}`);
    await writeFile(file, seededBytes(size, size));
    entries.push(await store.ingest(file));
  }
  await store.addToList(entries);
  const logged: string[] = [];
  const clock = { now_ms: 1_000 };
  const say = (level: string) => (_fields: object, text: string) => void logged.push(`${level}: ${text}`);
  const log = { error: say("error"), warn: say("warn"), info: say("info") };
  const scrub = async (until_ms: number, changes: Partial<ScrubDependencies> = {}): Promise<Scrubber> => {
    const stop = new AbortController();
    const scrubber = new Scrubber({
      store,
      dataDir: dir,
      log,
      now_ms: () => clock.now_ms,
      sleep: async (delay_ms) => {
        clock.now_ms += Math.ceil(delay_ms);
        if (clock.now_ms >= until_ms) stop.abort();
      },
      isBusy: () => false,
      ...changes,
    });
    await scrubber.run(stop.signal);
    return scrubber;
  };
  return { dir, volume, store, entries, logged, clock, scrub };
}

describe("the speed of a scrub", () => {
  it("is even over 30 days, greater when it is late, and never more than fourfold", () => {
    const month_s = 30 * 86_400;
    expect(passTime_ms).toBe(month_s * 1000);
    const speed = (bytes: number, days: number): number =>
      scrubSpeed({ bytes, ms: days * day_ms }, month_s * 10);
    expect(speed(month_s * 10, 30)).toBeCloseTo(10);
    expect(speed(month_s * 5, 30)).toBeCloseTo(10);
    expect(speed(month_s * 10, 15)).toBeCloseTo(20);
    expect(speed(month_s * 10, 1)).toBeCloseTo(40);
    expect(speed(month_s * 10, -5)).toBeCloseTo(40);
    // 10 TiB: 4.2 MB a second.
    expect(scrubSpeed({ bytes: 10 * 2 ** 40, ms: passTime_ms }, 10 * 2 ** 40) / 1e6).toBeCloseTo(4.24, 2);
  });
});

describe("a scrub", () => {
  it("reads everything once in 30 days, evenly", async () => {
    const { scrub, clock, logged } = await scene();
    const begun_ms = clock.now_ms;
    const half = await scrub(begun_ms + 15 * day_ms);
    // A segment is read at once, and there are nine.
    expect(Math.abs((half.state?.readBytes ?? 0) - total / 2)).toBeLessThan(127_000);
    const whole = await scrub(begun_ms + 30.1 * day_ms);
    expect(whole.state?.last).toMatchObject({ begunAt_ms: begun_ms, readBytes: total });
    const took_ms = (whole.state?.last?.endedAt_ms ?? 0) - begun_ms;
    expect(took_ms / day_ms).toBeGreaterThan(29);
    expect(took_ms / day_ms).toBeLessThan(30.1);
    expect(logged).toEqual(["info: all stored pieces were read"]);
  });

  it("goes on where it was, and finishes in time after the provider was down for ten days", async () => {
    const { dir, scrub, clock } = await scene();
    const begun_ms = clock.now_ms;
    await scrub(begun_ms + 10 * day_ms);
    const before = await readScrubState(dir);
    expect(before?.readBytes).toBeGreaterThan(total / 5);
    clock.now_ms += 10 * day_ms;
    const after = await scrub(begun_ms + 30.1 * day_ms);
    expect(after.bytesSinceStart + (before?.readBytes ?? 0)).toBeLessThan(total + 300_000);
    expect(after.state?.last?.readBytes).toBe(total);
  });

  it("begins anew with a damaged state", async () => {
    const { dir, scrub, clock } = await scene();
    await writeFile(join(dir, "scrub.json"), "{");
    await scrub(clock.now_ms + day_ms);
    expect(JSON.parse(await readFile(join(dir, "scrub.json"), "utf8"))).toMatchObject({
      version: 1,
      begunAt_ms: 1_000,
    });
  });

  it("reports damage once, keeps it over restarts, and reports when the piece is whole again", async () => {
    const { dir, store, entries, scrub, clock, logged } = await scene();
    const entry = entries[2]!;
    const root = toHex(entry.root);
    const data = join(store.pieceDir(entry.root), "data");
    await damage(data, 500_000, 500_001);
    await scrub(clock.now_ms + 35 * day_ms);
    const text = `${data}: 1 of 6 parts are damaged; the first from byte 380928 to 507904`;
    expect(logged.filter((line) => line.startsWith("error"))).toEqual([`error: ${text}`]);
    expect((await readScrubState(dir))?.damaged).toMatchObject([{ root, text }]);
    await store.ingest(join(dir, "file-700000"));
    const { state } = await scrub(clock.now_ms + 31 * day_ms);
    expect(state?.damaged).toEqual([]);
    expect(logged).toContain(`info: ${root}: the piece is whole again`);
  });

  it("tells the store, so that a damaged piece is not taken for whole, until its file is replaced", async () => {
    const { dir, store, entries, scrub, clock, logged } = await scene();
    const entry = entries[2]!;
    await damage(join(store.pieceDir(entry.root), "data"), 5, 6);
    expect(await store.faultOf(entry)).toBeUndefined();
    await scrub(clock.now_ms + 31 * day_ms);
    expect(await store.faultOf(entry)).toMatch(/1 of 6 parts are damaged/);
    // Another process.
    const other = await PieceStore.open(store.dir, { volumes: [{ path: join(dir, "volume") }] });
    await other.ingest(join(dir, "file-700000"));
    expect(await store.faultOf(entry)).toBeUndefined();
    const { state } = await scrub(clock.now_ms + day_ms / 4);
    expect(state?.damaged).toEqual([]);
    expect(logged.at(-1)).toBe(`info: ${toHex(entry.root)}: the piece is whole again`);
  });

  it("fetches a damaged and a missing piece again where it can", async () => {
    const { dir, store, entries, scrub, clock, logged } = await scene();
    await damage(join(store.pieceDir(entries[1]!.root), "data"), 0, 1);
    await rm(store.pieceDir(entries[2]!.root), { recursive: true });
    const asked: number[] = [];
    const fetch = async ({ size }: PieceEntry): Promise<boolean> => {
      asked.push(size);
      if (size === 300_000) await store.ingest(join(dir, "file-300000"));
      else throw new Error("nobody has it");
      return true;
    };
    const { state } = await scrub(clock.now_ms + 31 * day_ms, { fetch });
    expect(new Set(asked)).toEqual(new Set([300_000, 700_000]));
    expect(state?.damaged.map(({ root }) => root)).toEqual([toHex(entries[2]!.root)]);
    expect(state?.damaged[0]?.text).toMatch(/its folder is missing; ingest the file again/);
    expect(logged).toContain("info: the piece was fetched again");
  });

  it("calls nothing damaged that lies on a volume that is gone", async () => {
    const { dir, volume, scrub, clock, logged } = await scene();
    await rename(volume, join(dir, "unplugged"));
    await mkdir(volume);
    const { state } = await scrub(clock.now_ms + 2 * day_ms);
    expect(state?.damaged).toEqual([]);
    expect(logged.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("waits for other work, but is never stopped by it", async () => {
    const { scrub, clock } = await scene();
    let busy = 0;
    const isBusy = (): boolean => busy++ % 1_000 < 50;
    const begun_ms = clock.now_ms;
    const free = await scrub(begun_ms + 5 * day_ms, { isBusy });
    expect(busy).toBeGreaterThan(50);
    const always = await scrub(begun_ms + 31 * day_ms, { isBusy: () => true });
    expect(free.state?.readBytes).toBeGreaterThan(0);
    expect(always.state?.last?.readBytes).toBe(total);
  });

  it("reads a piece at once whose file changed", async () => {
    const { dir, store, logged, clock, scrub } = await scene();
    const file = join(dir, "elsewhere");
    await writeFile(file, seededBytes(50_000, 5));
    const entry = await store.ingestInPlace(file);
    await writeFile(file, seededBytes(50_000, 6));
    const first = new Scrubber({
      store,
      dataDir: dir,
      log: { error: (_f, text) => void logged.push(text), warn: () => undefined, info: () => undefined },
      now_ms: () => clock.now_ms,
      sleep: async () => stop.abort(),
      isBusy: () => false,
    });
    const stop = new AbortController();
    first.checkSoon(toHex(entry.root));
    await first.run(stop.signal);
    expect(logged[0]).toMatch(/elsewhere: changed since it was hashed: .*1 of 1 parts are damaged/);
    expect((await scrub(clock.now_ms)).state?.damaged).toHaveLength(1);
  });
});
