/** The readers' accounts on a real disk (R47). */
import { copyFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ShownVoucher } from "../../../../../protocol/codec/paid-reading.ts";
import { toHex } from "../../../../../protocol/hash.ts";
import { ReaderBook } from "../../../../../provider/reading/paid/book.ts";
import type { ReaderRecord } from "../../../../../provider/reading/paid/book.ts";
import { seededBytes, temporaryFolder } from "../../../../support/files.ts";

const address = (seed: number) => toHex(seededBytes(20, seed));

function record(reader: number, changes: Partial<ReaderRecord> = {}): ReaderRecord {
  const voucher: ShownVoucher = {
    chainId: 31_337,
    vouchers: address(1),
    provider: address(2),
    token: address(3),
    reader: address(reader),
    amount: 5n,
    signature: seededBytes(65, reader),
  };
  return { voucher, owed: 7n, promised: 5n, expiry: 100, spent: 3n, ...changes };
}

const none = (text: string): void => {
  throw new Error(text);
};

describe("the book of readers", () => {
  it("keeps each account over a restart, the newest one alone", async () => {
    const dir = await temporaryFolder();
    const book = await ReaderBook.open(dir, none);
    const first = record(10, { last: { root: toHex(seededBytes(32, 9)), at: 5, to: 9, price: 2n } });
    await book.put(record(10));
    await book.put(first);
    await book.put(record(11, { owed: (1n << 96n) - 1n }));
    const again = await ReaderBook.open(dir, none);
    expect(again.size).toBe(2);
    expect(again.get(first.voucher)).toEqual(first);
    expect(again.get({ ...first.voucher, token: address(4) })).toBeUndefined();
  });

  it("reports a damaged file, keeps it, and reads the others; what a kill left behind is removed", async () => {
    const dir = await temporaryFolder();
    const book = await ReaderBook.open(dir, none);
    await book.put(record(10));
    await book.put(record(11));
    const [name = ""] = await readdir(dir);
    await writeFile(join(dir, name), '{"format":1,');
    await writeFile(join(dir, `${name}.00.tmp`), "x");
    await writeFile(join(dir, "other.json"), '{"format":2}');
    const said: string[] = [];
    expect((await ReaderBook.open(dir, (text) => said.push(text))).size).toBe(1);
    expect(said).toHaveLength(2);
    expect(said.join()).toMatch(/expected 1, actual 2/);
    expect((await readdir(dir)).sort()).toHaveLength(3);
  });

  it("does not take the file of one account for that of another one", async () => {
    const dir = await temporaryFolder();
    const book = await ReaderBook.open(dir, none);
    await book.put(record(10));
    const [own = ""] = await readdir(dir);
    await copyFile(join(dir, own), join(dir, own.replace(address(10).slice(2), address(11).slice(2))));
    const said: string[] = [];
    const again = await ReaderBook.open(dir, (text) => said.push(text));
    expect([again.size, again.get(record(11).voucher)]).toEqual([1, undefined]);
    expect(said).toEqual([expect.stringMatching(/it has the name of another account/)]);
  });

  it("keeps the account before if the disk takes no other one; nobody else can read the files", async () => {
    const dir = await temporaryFolder();
    const book = await ReaderBook.open(dir, none);
    await book.put(record(10));
    const [name = ""] = await readdir(dir);
    expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    await rm(dir, { recursive: true });
    await expect(book.put(record(10, { owed: 9n }))).rejects.toThrow("ENOENT");
    expect(book.get(record(10).voucher)?.owed).toBe(7n);
  });

  it("makes room by channels that have expired, first those of readers that owe nothing, and by no open one", async () => {
    const dir = await temporaryFolder();
    const book = await ReaderBook.open(dir, none);
    await book.put(record(10, { expiry: 50 }));
    await book.put(record(11, { expiry: 60, owed: 5n }));
    await book.put(record(12, { expiry: 200 }));
    expect(await book.makeRoom(100, 4)).toBe(true);
    expect(book.size).toBe(3);
    expect(await book.makeRoom(100, 3)).toBe(true);
    expect(book.get(record(11).voucher)).toBeUndefined();
    expect(await book.makeRoom(100, 2)).toBe(true);
    expect(book.get(record(10).voucher)).toBeUndefined();
    expect(await book.makeRoom(100, 1)).toBe(false);
    expect((await ReaderBook.open(dir, none)).size).toBe(1);
    // In the block of its expiry a channel pays nothing any more.
    expect(await book.makeRoom(199, 1)).toBe(false);
    expect(await book.makeRoom(200, 1)).toBe(true);
  });
});
