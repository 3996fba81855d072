import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PlainFile } from "../../../../cli/store/plain-file.ts";
import { chunkBytes } from "../../../../client/storing/age-stream.ts";
import { generatedBytes } from "../../../../scripts/fleet/files.ts";

const scratch = mkdtempSync(join(tmpdir(), "whitepay-plain-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let count = 0;
const path = () => join(scratch, String(count++));

const id = generatedBytes("id", 32);
const bytes = generatedBytes("plain", 5 * chunkBytes + 77);
const chunks = (from: number, end: number) => bytes.subarray(from * chunkBytes, end * chunkBytes);

async function withChunks(at: string, ...spans: readonly (readonly [number, number])[]): Promise<void> {
  const file = await PlainFile.open(at, id, bytes.length);
  for (const [from, end] of spans) await file.put(from, end - from, chunks(from, end));
  await file.note();
  await file.close();
}

async function gapsOf(at: string, ofId = id) {
  const file = await PlainFile.open(at, ofId, bytes.length);
  const gaps = file.gaps();
  await file.close();
  return gaps;
}

describe("a file that is being read back", () => {
  it("is whole when every chunk was written, in any order, and counts each byte once", async () => {
    const file = await PlainFile.open(path(), id, bytes.length);
    expect(file.gaps()).toEqual([{ from: 0, end: 6 }]);
    expect(await file.put(5, 1, chunks(5, 6))).toBe(77);
    expect(await file.put(1, 2, chunks(1, 3))).toBe(2 * chunkBytes);
    expect(await file.put(2, 2, chunks(2, 4))).toBe(chunkBytes);
    expect(await file.put(2, 2, chunks(2, 4))).toBe(0);
    expect(file.gaps()).toEqual([
      { from: 0, end: 1 },
      { from: 4, end: 5 },
    ]);
    await file.put(4, 1, chunks(4, 5));
    expect(file.isWhole).toBe(false);
    await file.put(0, 1, chunks(0, 1));
    expect(file.isWhole).toBe(true);
    await file.close();
    expect(readFileSync(file.path).equals(bytes)).toBe(true);
    await file.remove();
    expect(existsSync(file.path) || existsSync(`${file.path}.chunks`)).toBe(false);
  });

  it("may be empty", async () => {
    const file = await PlainFile.open(path(), id, 0);
    expect(file.isWhole).toBe(false);
    await file.put(0, 1, new Uint8Array(0));
    expect(file.isWhole).toBe(true);
    await file.close();
  });

  it("is continued by the next run", async () => {
    const at = path();
    await withChunks(at, [1, 3]);
    await withChunks(at, [5, 6]);
    expect(await gapsOf(at)).toEqual([
      { from: 0, end: 1 },
      { from: 3, end: 5 },
    ]);
  });

  it("is begun anew for another content", async () => {
    const at = path();
    await withChunks(at, [1, 3]);
    expect(await gapsOf(at, generatedBytes("other", 32))).toEqual([{ from: 0, end: 6 }]);
    // The first content's chunks are gone, too.
    expect(await gapsOf(at)).toEqual([{ from: 0, end: 6 }]);
  });

  it("counts no chunk that was written and not listed before the run was killed", async () => {
    const at = path();
    await withChunks(at, [1, 3]);
    const file = await PlainFile.open(at, id, bytes.length);
    await file.put(3, 1, chunks(3, 4));
    await file.close();
    expect(await gapsOf(at)).toEqual([
      { from: 0, end: 1 },
      { from: 3, end: 6 },
    ]);
  });

  it("counts no chunk that its disk damaged, and goes on behind a torn list", async () => {
    const at = path();
    await withChunks(at, [0, 2], [3, 4]);
    const damaged = readFileSync(at);
    damaged[chunkBytes + 5] = (damaged[chunkBytes + 5] as number) ^ 1;
    writeFileSync(at, damaged);
    appendFileSync(`${at}.chunks`, Buffer.from([0, 0, 0, 1, 0]));
    await withChunks(at, [5, 6]);
    expect(await gapsOf(at)).toEqual([
      { from: 0, end: 3 },
      { from: 4, end: 5 },
    ]);
  });

  it("is begun anew if the file became shorter, and believes no record beyond its end", async () => {
    const at = path();
    await withChunks(at, [0, 6]);
    appendFileSync(`${at}.chunks`, Buffer.alloc(24, 255));
    expect(await gapsOf(at)).toEqual([]);
    truncateSync(at, 10);
    expect(await gapsOf(at)).toEqual([{ from: 0, end: 6 }]);
  });
});
