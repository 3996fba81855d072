/** `whitepay get` from several copies at once, killed and repeated, with a provider that stops in the middle; each process a real one. */
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readJournal } from "../../provider/journal.ts";
import { generatedBytes } from "../../scripts/fleet/files.ts";
import { openStoring, type Storing } from "../support/storing.ts";

type Got = { items: { name: string; bytes: number; path: string; providers: string[] }[] };

let scene: Storing;
const megabytes = 96;
let hash: string;

const minutes = 60_000;

async function hashOf(path: string): Promise<string> {
  const whole = createHash("sha256");
  for await (const chunk of createReadStream(path)) whole.update(chunk as Buffer);
  return whole.digest("hex");
}

/** Bytes of ranges that the providers sent since they were started. */
async function servedBytes(): Promise<number> {
  const journals = scene.community.providers.daemons.map(({ dataDir }) => readJournal(dataDir));
  return (await Promise.all(journals)).reduce((sum, { totals }) => sum + totals.servedBytes, 0);
}

/** Waits until the list of the chunks that are on the disk has an entry; false if the command ends before. */
async function untilNoted(out: string, ended: Promise<unknown>): Promise<boolean> {
  const folder = join(out, ".whitepay-part");
  const over = new AbortController();
  void ended.then(() => over.abort());
  while (!over.signal.aborted) {
    const names = await readdir(folder).catch((): string[] => []);
    const list = names.find((name) => name.endsWith(".chunks"));
    if (list !== undefined && ((await stat(join(folder, list)).catch(() => undefined))?.size ?? 0) > 32)
      return true;
    await sleep(2);
  }
  return false;
}

beforeAll(async () => {
  scene = await openStoring({ providers: 2, limit_ms: 10 * minutes });
  const path = join(scene.folder, "large.bin");
  const file = await open(path, "w");
  for (let i = 0; i < megabytes; i++) await file.write(generatedBytes(`get ${i}`, 1_000_000));
  await file.close();
  hash = await hashOf(path);
  await scene.json("store", path, "--copies", "2", "--for", "5000blocks", "--yes");
}, 20 * minutes);
afterAll(() => scene?.close(), minutes);

describe("an item of two copies", () => {
  it("is read from both at once, each byte about once", { timeout: 10 * minutes }, async () => {
    const before = await servedBytes();
    const { items } = await scene.json<Got>("get", "large.bin", "--out", join(scene.folder, "both"));
    expect(await hashOf(items[0]!.path)).toBe(hash);
    expect(items[0]!.providers).toHaveLength(2);
    const served = (await servedBytes()) - before;
    // Beside the file: catalogues, the heads of two copies, and ranges that both need at the places where they meet.
    expect(served).toBeLessThan(1.3e6 * megabytes);
  });

  it("is read on after kill -9, without what was noted", { timeout: 10 * minutes }, async () => {
    const out = join(scene.folder, "killed");
    await mkdir(out);
    const command = scene.start("get", "large.bin", "--out", out, "--json");
    expect(await untilNoted(out, command.ended)).toBe(true);
    command.kill("SIGKILL");
    await command.ended;
    const before = await servedBytes();
    const { items } = await scene.json<Got>("get", "large.bin", "--out", out);
    expect(await hashOf(items[0]!.path)).toBe(hash);
    // 64 MiB were noted.
    expect((await servedBytes()) - before).toBeLessThan(0.6e6 * megabytes);
    expect(await readdir(out)).toEqual(["large.bin"]);
  });

  it(
    "is read whole when a provider stops in the middle, without its time limit",
    { timeout: 10 * minutes },
    async () => {
      const first = scene.community.providers.daemons[0]!;
      const out = join(scene.folder, "stopped");
      const command = scene.start("get", "large.bin", "--out", out, "--json");
      expect(await untilNoted(out, command.ended)).toBe(true);
      process.kill(first.pid, "SIGSTOP");
      const start_ms = performance.now();
      try {
        const { code, stderr } = await command.ended;
        expect([code, stderr]).toEqual([0, expect.any(String)]);
        expect(await hashOf(join(out, "large.bin"))).toBe(hash);
      } finally {
        process.kill(first.pid, "SIGCONT");
      }
      expect(performance.now() - start_ms).toBeLessThan(58_000);
    },
  );
});
