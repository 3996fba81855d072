/** The keeper's store on a real LevelDB: nothing acknowledged is ever lost, one process at a time (S5, S6, D8, D9). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { LevelStore, StoreError } from "../../keeper/adapters/store-level.ts";
import type { Write } from "../../keeper/core/effects.ts";
import type { Hex } from "../../protocol/hash.ts";
import { temporaryFolder, seededBytes } from "../support/files.ts";
import { failedRecord, hashOf, killedWriter, provenRecord, storeGroup, writeOf } from "../support/records.ts";

const otherGroup: Hex = `0x${"c4".repeat(20)}`;

const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

async function opened(folder: string): Promise<LevelStore> {
  const store = await LevelStore.open(folder);
  onTestFinished(() => store.close());
  return store;
}

const own = (ts: number, turn: number) => ({
  ts,
  turn,
  values: [
    { group: 1, provider: 0, value: 0n },
    { group: 7, provider: 300, value: 2n ** 127n },
  ],
  recordsRoot: hashOf(ts),
});

/** R29: a certificate with a group whose part is larger than any number of JSON. */
const certificate = (ts: number, turn: number) => ({
  ts,
  turn,
  certificate: {
    ts,
    te: ts + 40,
    version: 1,
    leader: 3,
    failed: 2n ** 100n,
    payees: 2n ** 123n,
    count: 1,
    groups: hashOf(ts),
  },
  groups: [{ number: 4, group: otherGroup, items: [{ provider: 2, spaceTime: 2n ** 127n }] }],
});

const failed: Write = {
  kind: "record",
  record: failedRecord(11, 2),
  receipt: new Uint8Array(),
  seed: new Uint8Array(),
  proof: new Uint8Array(),
};

describe("stored entries", () => {
  it("are read back unchanged after a restart, for every kind", async () => {
    const folder = await temporaryFolder();
    const first = await LevelStore.open(folder);
    expect(await first.load(storeGroup)).toEqual({
      kind: "restored",
      head: -1,
      records: [],
      notes: [],
      own: [],
      certificates: [],
      salts: [],
      before: [],
      consents: [],
    });
    await first.write(storeGroup, [
      writeOf(10, 1),
      failed,
      { kind: "note", ts: 40, turn: 2, digest: hashOf(1) },
      { kind: "own", own: own(40, 2) },
      { kind: "certificate", ...certificate(40, 2) },
      { kind: "salt", round: hashOf(2), ts: 40, salt: hashOf(3) },
      { kind: "before", ts: 40, bytes: [{ group: 2, provider: 5, value: 2n ** 90n }] },
      { kind: "consent", version: 3 },
      { kind: "head", head: 77 },
    ]);
    await first.close();
    const second = await opened(folder);
    expect(await second.load(storeGroup)).toEqual({
      kind: "restored",
      head: 77,
      records: [provenRecord(10, 1), failedRecord(11, 2)],
      notes: [{ ts: 40, turn: 2, digest: hashOf(1) }],
      own: [own(40, 2)],
      certificates: [certificate(40, 2)],
      salts: [{ round: hashOf(2), ts: 40, salt: hashOf(3) }],
      before: [{ ts: 40, bytes: [{ group: 2, provider: 5, value: 2n ** 90n }] }],
      consents: [3],
    });
    const { receipt, seed, proof } = writeOf(10, 1);
    const kept = await second.proofOf(storeGroup, { group: 1, provider: 1, slot: 10 });
    expect([kept?.receipt, kept?.seed, kept?.proof].map(hexOf)).toEqual([receipt, seed, proof].map(hexOf));
    expect(await second.proofOf(storeGroup, { group: 1, provider: 2, slot: 11 })).toBeUndefined();
    expect((await second.load(otherGroup)).records).toEqual([]);
  });

  it("are one for each key: a second write of a slot or turn replaces the first, and keys are in numeric order", async () => {
    const store = await opened(await temporaryFolder());
    for (const slot of [300, 2, 17, 2]) await store.write(storeGroup, [writeOf(slot)]);
    await store.write(storeGroup, [{ ...failed, record: failedRecord(17) }]);
    await store.write(storeGroup, [{ kind: "head", head: 5 }]);
    await store.write(storeGroup, [{ kind: "head", head: 6 }]);
    const restored = await store.load(storeGroup);
    expect(restored.records).toEqual([provenRecord(2), failedRecord(17), provenRecord(300)]);
    expect(restored.head).toBe(6);
  });

  it("remain after kill -9 during a write: every acknowledged slot, with its note and proof", async () => {
    const folder = await temporaryFolder();
    const slots = await killedWriter("store", folder, 150);
    expect(slots.length).toBeGreaterThanOrEqual(150);
    const store = await opened(folder);
    const { records, notes } = await store.load(storeGroup);
    expect(records.slice(0, slots.length)).toEqual(slots.map((slot) => provenRecord(slot)));
    expect(notes.slice(0, slots.length).map(({ ts }) => ts)).toEqual(slots);
    // A batch is there whole or not at all: what was written last but never acknowledged included.
    expect(notes.map(({ ts }) => ts)).toEqual(records.map(({ slot }) => slot));
    for (const { slot } of records.slice(-3)) {
      expect(hexOf((await store.proofOf(storeGroup, { group: 1, provider: 0, slot }))?.proof)).toBe(
        hexOf(writeOf(slot).proof),
      );
    }
  });
});

describe("pruning", () => {
  it("deletes slots and turns before the given ones, and nothing of another committee", async () => {
    const store = await opened(await temporaryFolder());
    const writes: Write[] = [];
    for (let i = 0; i < 40; i++) {
      writes.push(
        writeOf(i),
        { kind: "note", ts: i, turn: 1, digest: hashOf(i) },
        { kind: "own", own: own(i, 1) },
        { kind: "certificate", ...certificate(i, 1) },
        { kind: "salt", round: hashOf(i), ts: i, salt: hashOf(i) },
        { kind: "before", ts: i, bytes: [] },
      );
    }
    writes.push({ kind: "head", head: 99 });
    for (const group of [storeGroup, otherGroup]) await store.write(group, writes);
    await store.prune(storeGroup, 30, 25, 20);
    const left = await store.load(storeGroup);
    const range = (from: number) => Array.from({ length: 40 - from }, (_, i) => from + i);
    expect(left.records.map(({ slot }) => slot)).toEqual(range(25));
    for (const kept of [left.notes, left.own, left.before])
      expect(kept.map(({ ts }) => ts)).toEqual(range(30));
    expect(left.certificates.map(({ ts }) => ts)).toEqual(range(20));
    expect(left.salts.map(({ ts }) => ts).sort((a, b) => a - b)).toEqual(range(30));
    expect(left.head).toBe(99);
    expect(await store.proofOf(storeGroup, { group: 1, provider: 0, slot: 24 })).toBeUndefined();
    expect(await store.proofOf(storeGroup, { group: 1, provider: 0, slot: 25 })).toBeDefined();
    expect((await store.load(otherGroup)).records).toHaveLength(40);
    expect(await store.proofOf(otherGroup, { group: 1, provider: 0, slot: 0 })).toBeDefined();
  });

  it("deletes piece lists that are no longer in use, and keeps those of other committees (R10)", async () => {
    const store = await opened(await temporaryFolder());
    const roots = [1, 2].map((n): Hex => `0x${String(n).repeat(64)}`);
    for (const root of roots) {
      await store.keepList(storeGroup, root, Uint8Array.of(3));
      await store.keepList(otherGroup, root, Uint8Array.of(4));
    }
    await store.pruneLists(storeGroup, new Set(roots.slice(0, 1)));
    const kept = (group: Hex) =>
      Promise.all(roots.map(async (root) => hexOf(await store.listOf(group, root))));
    expect(await kept(storeGroup)).toEqual(["03", ""]);
    expect(await kept(otherGroup)).toEqual(["04", "04"]);
  });

  it("bounds the size of a store that is written and pruned repeatedly", async () => {
    const store = await opened(await temporaryFolder());
    for (let slot = 0; slot < 200; slot++) {
      await store.write(storeGroup, [
        writeOf(slot),
        { kind: "note", ts: slot, turn: 1, digest: hashOf(slot) },
      ]);
      if (slot % 10 === 9) await store.prune(storeGroup, slot - 9, slot - 9, slot - 9);
      if (slot % 50 !== 49) continue;
      const { records, notes } = await store.load(storeGroup);
      expect([records.length, notes.length]).toEqual([10, 10]);
    }
  });
});

describe("evidence", () => {
  it("is stored pair by pair, also if pairs arrive at the same time, at most 256 for each committee", async () => {
    const folder = await temporaryFolder();
    const first = await LevelStore.open(folder);
    const pair = (number: number, committee = storeGroup) => ({
      committee,
      first: seededBytes(100, number),
      second: seededBytes(90, number + 1),
    });
    await Promise.all([0, 1, 2, 3].map((number) => first.keepEvidence(pair(number))));
    await first.keepEvidence(pair(50, otherGroup));
    await first.close();
    const store = await opened(folder);
    const sizes = async () => {
      const kept = await store.evidence();
      return [storeGroup, otherGroup].map((one) => kept.filter(({ committee }) => committee === one).length);
    };
    expect(await sizes()).toEqual([4, 1]);
    const found = (await store.evidence()).map((each) => hexOf(each.first)).sort();
    expect(found).toEqual([0, 1, 2, 3, 50].map((n) => hexOf(seededBytes(100, n))).sort());
    for (let number = 100; number < 360; number++) await store.keepEvidence(pair(number));
    expect(await sizes()).toEqual([256, 1]);
  });
});

describe("a folder that cannot be used is refused with a StoreError", () => {
  it("while another process has it open", async () => {
    const folder = await temporaryFolder();
    const store = await LevelStore.open(folder);
    const path = new URL("../../keeper/adapters/store-level.ts", import.meta.url).href;
    const script = `const { LevelStore, StoreError } = await import(${JSON.stringify(path)});
      try { await LevelStore.open(${JSON.stringify(folder)}); console.log("opened"); }
      catch (error) { console.log(error instanceof StoreError, error.message); }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await once(child, "close");
    expect(output).toMatch(/^true .* in use/);
    await store.close();
    await (await LevelStore.open(folder)).close();
  });

  it("if its layout has another version, or an entry is damaged", async () => {
    const folder = await temporaryFolder();
    await (await LevelStore.open(folder)).close();
    const change = async (key: string, value: string): Promise<void> => {
      const db = new Level(folder);
      await db.put(key, value);
      await db.close();
    };
    await change(`20${storeGroup}/damaged`, "{ half a rec");
    const store = await LevelStore.open(folder);
    await expect(store.load(storeGroup)).rejects.toThrow(/damaged: .*backup/);
    await expect(store.load(storeGroup)).rejects.toThrow(StoreError);
    await store.close();
    await change("00version", "99");
    await expect(LevelStore.open(folder)).rejects.toThrow(/expected store version 2, actual 99/);
    await expect(LevelStore.open(folder)).rejects.toThrow(StoreError);
  });
});
