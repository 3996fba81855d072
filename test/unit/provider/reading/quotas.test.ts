/** Quotas and revocations on a real disk: nothing is forgotten by a kill, nothing is sent above a quota, and the records stay bounded. */
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { toHex } from "../../../../protocol/hash.ts";
import { Quotas } from "../../../../provider/reading/quotas.ts";
import { mostOfGroup, ReadingStore } from "../../../../provider/reading/reading-store.ts";
import { seededBytes, temporaryFolder } from "../../../support/files.ts";

const day_ms = 86_400_000;
const group = toHex(seededBytes(20, 1));

async function opened(dir: string): Promise<ReadingStore> {
  const store = await ReadingStore.open(dir);
  onTestFinished(() => store.close());
  return store;
}

describe("a quota", () => {
  it("lets exactly its bytes pass a day, whatever their parts, and as many again the next day", async () => {
    const store = await opened(join(await temporaryFolder(), "reading"));
    let now_ms = 20_000 * day_ms + 5;
    const quotas = new Quotas(store, () => now_ms);
    const quota = { group, name: "one", bytesPerDay: 1_000_000 };
    const sendAll = async (): Promise<number> => {
      let sent = 0;
      for (const part of [300_000, 300_000, 300_000, 200_000, 99_999, 1, 1])
        if (await quotas.take(quota, part)) sent += part;
      return sent;
    };
    expect(await sendAll()).toBe(1_000_000);
    expect(await quotas.take(quota, 1)).toBe(false);
    expect(await quotas.take({ ...quota, name: "two" }, 1_000_000)).toBe(true);
    expect(quotas.untilTomorrow_s()).toBe(86_400);
    now_ms += day_ms;
    expect(await sendAll()).toBe(1_000_000);
  });

  it("is not passed by requests at the same time", async () => {
    const store = await opened(join(await temporaryFolder(), "reading"));
    const quotas = new Quotas(store, () => 20_000 * day_ms);
    const quota = { group, name: "one", bytesPerDay: 1_000 };
    const taken = await Promise.all(Array.from({ length: 50 }, () => quotas.take(quota, 300)));
    expect(taken.filter(Boolean)).toHaveLength(3);
  });

  it("is not passed by kills, of which each costs a sixteenth of it at most", async () => {
    const dir = join(await temporaryFolder(), "reading");
    const quota = { group, name: "one", bytesPerDay: 1_600 };
    let sent = 0;
    for (let life = 0; life < 18; life++) {
      const store = await ReadingStore.open(dir);
      const quotas = new Quotas(store, () => 20_000 * day_ms);
      // A kill leaves what is on the disk, as closing does: nothing is written on the way out.
      if (await quotas.take(quota, 10)) sent += 10;
      await store.close();
    }
    expect(sent).toBeLessThanOrEqual(1_600);
    expect(sent).toBe(16 * 10);
  });

  it("of very many permissions has a bounded number of records, and room again the next day", async () => {
    const store = await opened(join(await temporaryFolder(), "reading"));
    let now_ms = 20_000 * day_ms;
    const quotas = new Quotas(store, () => now_ms);
    const take = (name: string): Promise<boolean> => quotas.take({ group, name, bytesPerDay: 100 }, 1);
    let taken = 0;
    for (let i = 0; i < mostOfGroup.used + 50; i++) if (await take(`p${i}`)) taken++;
    expect(taken).toBe(mostOfGroup.used);
    expect(await quotas.take({ group: "0xother", name: "p", bytesPerDay: 100 }, 1)).toBe(true);
    now_ms += day_ms;
    expect(await take("new")).toBe(true);
  });
});

describe("revocations", () => {
  it("are kept over a restart, joined where they touch, and bounded", async () => {
    const dir = join(await temporaryFolder(), "reading");
    const first = await ReadingStore.open(dir);
    expect(await first.revoke(group, { first: 5, last: 5 })).toBe(true);
    expect(await first.revoke(group, { first: 6, last: 9 })).toBe(true);
    expect(await first.revoke(group, { first: 20, last: 20 })).toBe(true);
    await first.close();
    const store = await opened(dir);
    const revoked = (sequence: number): boolean => store.isRevoked(group, sequence);
    expect([4, 5, 7, 9, 10, 19, 20, 21].filter(revoked)).toEqual([5, 7, 9, 20]);
    expect(store.isRevoked(toHex(seededBytes(20, 2)), 5)).toBe(false);
    let kept = 2;
    for (let i = 0; i < mostOfGroup.gaps + 10; i++)
      if (await store.revoke(group, { first: 100 + 2 * i, last: 100 + 2 * i })) kept++;
    expect(kept).toBe(mostOfGroup.gaps);
    // A range that covers them makes room.
    expect(await store.revoke(group, { first: 1, last: 10_000 })).toBe(true);
    expect(await store.revoke(group, { first: 20_000, last: 20_000 })).toBe(true);
  });
});
