/** The keeper's books, the same questions to an embedded file and to a real PostgreSQL server. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { entities } from "../../keeper/adapters/ledger-typeorm/entities.ts";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import { migrations } from "../../keeper/adapters/ledger-typeorm/migrations.ts";
import { openSource } from "../../keeper/adapters/ledger-typeorm/open.ts";
import { ledgerLocation } from "../../keeper/adapters/ledger-typeorm/location.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { ChallengeRecord } from "../../protocol/records.ts";
import type { BookedSettlement } from "../../keeper/ports/ledger.ts";
import { temporaryFolder } from "../support/files.ts";
import { startPostgres } from "../support/postgres.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { noChallenges, openLedger } from "../support/ledgers.ts";
import {
  failedRecord,
  hashOf,
  killedWriter,
  provenRecord,
  storeGroup,
  storeServed,
} from "../support/records.ts";

const otherGroup: Hex = `0x${"c4".repeat(20)}`;
const operator: Hex = `0x${"0e".repeat(20)}`;
const day_ms = 86_400_000;

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

async function rows(ledger: TypeormLedger, table: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const row of ledger.rows(table, undefined)) found.push(row);
  return found;
}

const settlement = (ts: number, group = storeGroup): BookedSettlement => ({
  group,
  ts,
  te: ts + 30,
  committee: storeServed.committee,
  version: 3,
  leader: 2,
  failed: 0b10n,
  payees: 2n ** 123n + 1n,
  signers: 2n ** 124n - 1n,
  digest: hashOf(ts + 7),
  cut: 2n ** 96n - 1n,
  fee: 2n ** 95n,
  transaction: {
    tx: hashOf(ts),
    block: ts + 33,
    blockHash: hashOf(ts + 33),
    sender: operator,
    gasUsed: 16_777_216n,
    gasPrice: 2n ** 90n,
  },
  items: [
    { provider: 0, spaceTime: 2n ** 128n - 1n, amount: 2n ** 96n - 1n },
    { provider: 4, spaceTime: 0n, amount: 0n },
  ],
  shares: [{ keeper: 0, operator, amount: 2n ** 200n }],
});

const at = (block: number) => ({ block, blockHash: hashOf(block) });
const first = (block: number) => ({ from: undefined, to: at(block) });

/** Records prove 2^70 bytes and their slot. */
const ofTwice = 2n ** 71n;

const add = (
  ledger: TypeormLedger,
  group: Hex,
  record: ChallengeRecord,
  committed = ofTwice,
): Promise<void> => ledger.addChallenges([{ committee: storeServed.committee, group, record, committed }]);

/** Counts of one record of half the bytes for each of `slots`, and of `failed` failures. */
const halves = (slots: readonly number[], failed: number) => ({
  ...noChallenges,
  asked: slots.length + failed,
  partial: slots.length,
  failed,
  bytesProven: slots.reduce((sum, slot) => sum + 2n ** 70n + BigInt(slot), 0n),
  bytesCommitted: ofTwice * BigInt(slots.length + failed),
});

const engines = [
  { name: "an embedded file", place: async () => join(await temporaryFolder(), "ledger.db") },
  { name: "a PostgreSQL server", place: () => postgres.database() },
];

describe.each(engines)("the ledger on $name", ({ place }) => {
  it("sums a keeper's earnings exactly, without settlements that a reorg removed", async () => {
    const ledger = await openLedger(await place());
    expect(await ledger.earned(storeGroup, operator)).toEqual({ total: 0n, last: 0n, payments: 0 });
    const [one, two] = [settlement(100), settlement(130)];
    const last = { ...two, shares: [{ keeper: 3, operator, amount: 7n }] };
    await ledger.book(storeGroup, [one, last], first(170));
    await ledger.book(otherGroup, [settlement(100, otherGroup)], first(170));
    const share = 2n ** 200n;
    expect(await ledger.earned(storeGroup, operator)).toEqual({ total: share + 7n, last: 7n, payments: 2 });
    expect(await ledger.earned(storeGroup, `0x${"0f".repeat(20)}`)).toMatchObject({ payments: 0 });
    await ledger.rewind(storeGroup, { from: at(170), to: at(140) });
    expect(await ledger.earned(storeGroup, operator)).toEqual({ total: share, last: share, payments: 1 });
  });

  it("counts challenges by outcome and group, and a repeated entry once", async () => {
    const ledger = await openLedger(await place());
    expect(await ledger.challengeCounts(storeGroup)).toEqual(noChallenges);
    for (const slot of [1, 2, 3, 3]) await add(ledger, storeGroup, provenRecord(slot));
    for (const slot of [1, 2]) await add(ledger, storeGroup, failedRecord(slot, 7));
    await add(ledger, otherGroup, failedRecord(1));
    expect(await ledger.challengeCounts(storeGroup)).toEqual(halves([1, 2, 3], 2));
    expect(await ledger.challengeCounts(otherGroup)).toEqual(halves([], 1));
    // The later entry stands.
    await add(ledger, storeGroup, failedRecord(3));
    expect(await ledger.challengeCounts(storeGroup)).toEqual(halves([1, 2], 3));
    expect(await ledger.outcomes(storeGroup)).toMatchObject([
      { provider: 0, outcome: "partial", reason: "", count: 2, bytesCommitted: 2n * ofTwice },
      { provider: 0, outcome: "failed", reason: "late", count: 1, bytesCommitted: ofTwice },
      { provider: 7, outcome: "failed", reason: "late", count: 2, bytesProven: 0n },
    ]);
  });

  it("keeps the slots of a group in two committees apart: each numbers its own", async () => {
    const ledger = await openLedger(await place());
    const moved = { ...storeServed, committee: otherGroup };
    await ledger.addChallenges([
      { ...storeServed, record: provenRecord(5), committed: ofTwice },
      { ...moved, record: failedRecord(5), committed: ofTwice },
    ]);
    expect((await ledger.challenges(storeServed, undefined, 5)).map(({ outcome }) => outcome)).toEqual([
      "proven",
    ]);
    expect((await ledger.challenges(moved, undefined, 5)).map(({ outcome }) => outcome)).toEqual(["failed"]);
    expect((await ledger.space(moved, 0, 5)).entries).toMatchObject([{ slot: 5, outcome: "failed" }]);
    expect(await ledger.challengeCounts(storeGroup)).toEqual(halves([5], 1));
  });

  it("distinguishes whole from partial answers by the bytes committed in their slot", async () => {
    const where = await place();
    const ledger = await openLedger(where);
    const proved = 2n ** 70n + 5n;
    await add(ledger, storeGroup, provenRecord(5), proved);
    await add(ledger, storeGroup, provenRecord(5, 1), proved + 1n);
    await add(ledger, storeGroup, failedRecord(5, 2), 100n);
    // Replaced: what it said before counts no more.
    await add(ledger, storeGroup, provenRecord(6), ofTwice);
    await add(ledger, storeGroup, failedRecord(6), 7n);
    const counts = await ledger.challengeCounts(storeGroup);
    const bytes = { bytesProven: 2n * proved, bytesCommitted: 2n * proved + 108n };
    expect(counts).toEqual({ asked: 4, whole: 1, partial: 1, failed: 2, unmeasured: 0, ...bytes });
    // Counted anew from the tables, the same comes out.
    const again = await openLedger(where);
    expect(await again.challengeCounts(storeGroup)).toEqual(counts);
    const [first] = await again.challenges(storeServed, undefined, 1);
    expect(first).toMatchObject({ slot: 6, outcome: "failed", bytes: "0", committed: "7" });
  });

  it("counts a batch like single entries, before and after the first read", async () => {
    const ledger = await openLedger(await place());
    const batch = [provenRecord(1), failedRecord(1, 7), provenRecord(2), failedRecord(2)].map((record) => ({
      ...storeServed,
      record,
      committed: ofTwice,
    }));
    await ledger.addChallenges(batch);
    const counts = await ledger.challengeCounts(storeGroup);
    expect(counts).toEqual(halves([1], 2));
    const one = { ...storeServed, record: provenRecord(3), committed: ofTwice };
    await ledger.addChallenges([...batch, one]);
    await ledger.addChallenges([]);
    expect(await ledger.challengeCounts(storeGroup)).toEqual(halves([1, 3], 2));
    expect(await ledger.outcomes(storeGroup)).toMatchObject([
      { provider: 0, outcome: "partial", reason: "", count: 2 },
      { provider: 0, outcome: "failed", reason: "late", count: 1 },
      { provider: 7, outcome: "failed", reason: "late", count: 1 },
    ]);
  });

  it("returns evenly spaced slots if there are more than a chart has points", async () => {
    const ledger = await openLedger(await place());
    await ledger.addChallenges(
      Array.from({ length: 600 }, (_, slot) => ({
        ...storeServed,
        record: provenRecord(slot),
        committed: ofTwice,
      })),
    );
    const slots = async (from: number, limit: number): Promise<number[]> =>
      (await ledger.space(storeServed, from, limit)).entries.map(({ slot }) => slot);
    expect(await slots(597, 10)).toEqual([599, 598, 597]);
    expect(await slots(0, 60)).toEqual(Array.from({ length: 60 }, (_, i) => 590 - 10 * i));
    expect((await ledger.space(storeServed, 599, 10)).entries).toMatchObject([
      { provider: 0, outcome: "proven" },
    ]);
    expect(await ledger.space({ ...storeServed, group: otherGroup }, 0, 10)).toEqual({
      every: 1,
      entries: [],
    });
  });

  it("keeps the largest numbers of the protocol exact, also if they are booked twice", async () => {
    const ledger = await openLedger(await place());
    expect(await ledger.book(storeGroup, [settlement(100)], first(140))).toBe(true);
    const again = { from: at(140), to: at(140) };
    expect(await ledger.book(storeGroup, [settlement(100)], again)).toBe(true);
    expect(await ledger.settlements(storeGroup, undefined, 10)).toEqual([settlement(100)]);
    expect(await ledger.cursor(storeGroup)).toEqual(at(140));
  });

  it("pages payments, newest first", async () => {
    const ledger = await openLedger(await place());
    const all = [100, 130, 160, 190].map((ts) => settlement(ts));
    await ledger.book(storeGroup, all, first(300));
    const ts = (found: BookedSettlement[]): number[] => found.map((one) => one.ts);
    expect(ts(await ledger.settlements(storeGroup, undefined, 3))).toEqual([190, 160, 130]);
    expect(ts(await ledger.settlements(storeGroup, 130, 3))).toEqual([100]);
    expect(await ledger.settlements(otherGroup, undefined, 3)).toEqual([]);
  });

  it("removes what a reorg removed, and nothing before it or of another group", async () => {
    const ledger = await openLedger(await place());
    await ledger.book(
      storeGroup,
      [100, 130, 160].map((ts) => settlement(ts)),
      first(200),
    );
    await ledger.book(otherGroup, [settlement(160, otherGroup)], first(200));
    await ledger.rewind(storeGroup, { from: at(200), to: at(133) });
    expect((await rows(ledger, "settlement")).map(({ group, ts }) => [group, ts])).toEqual([
      [storeGroup, 100],
      [otherGroup, 160],
    ]);
    for (const [table, count] of [
      ["item", 4],
      ["share", 2],
      ["transaction", 2],
    ] as const) {
      expect(await rows(ledger, table)).toHaveLength(count);
    }
    expect(await ledger.cursor(storeGroup)).toEqual(at(133));
    await ledger.rewind(storeGroup, { from: at(133), to: undefined });
    expect(await ledger.cursor(storeGroup)).toBeUndefined();
    expect(await ledger.cursor(otherGroup)).toEqual(at(200));
  });

  it("has a bounded size: old slots become daily counts, old reasons are deleted, and no count changes", async () => {
    let now_ms = 10 * day_ms;
    const where = await place();
    const ledger = await openLedger(where, () => now_ms);
    await ledger.addChallenges(
      Array.from({ length: 520 }, (_, slot) => ({
        ...storeServed,
        record: provenRecord(slot),
        committed: ofTwice,
      })),
    );
    now_ms = 11 * day_ms;
    for (const slot of [520, 521]) await add(ledger, storeGroup, failedRecord(slot));
    now_ms = 12 * day_ms;
    await add(ledger, storeGroup, provenRecord(522));
    const reason = { contract: "", code: "rpc-down", count: 2, at_ms: now_ms, detail: "x".repeat(900) };
    await ledger.addReasons([9, 12].map((day) => ({ ...reason, day })));
    await ledger.addReasons([{ ...reason, day: 12, count: 3 }]);
    const before = await ledger.challengeCounts(storeGroup);
    await ledger.retain(12 * day_ms);
    expect(await ledger.challengeCounts(storeGroup)).toEqual(before);
    const kept = [...Array.from({ length: 520 }, (_, slot) => slot), 522];
    expect(before).toEqual(halves(kept, 2));
    expect(await rows(ledger, "challenge")).toHaveLength(1);
    expect(
      (await rows(ledger, "challenge_day")).map(({ day, outcome, count }) => [day, outcome, count]),
    ).toEqual([
      [10, "partial", 520],
      [11, "failed", 2],
    ]);
    expect(await ledger.reasons(10)).toEqual([{ ...reason, day: 12, count: 5, detail: "x".repeat(500) }]);
    expect(await (await openLedger(where)).challengeCounts(storeGroup)).toEqual(before);
  });

  it("accepts one of two writers that start from the same position, and no rows of the other", async () => {
    const where = await place();
    const [one, two] = [await openLedger(where), await openLedger(where)];
    const race = (ts: number, move: { from: ReturnType<typeof at> | undefined; to: ReturnType<typeof at> }) =>
      Promise.all([
        one.book(storeGroup, [settlement(ts)], move),
        two.book(storeGroup, [settlement(ts + 1)], move),
      ]);
    for (const [ts, move] of [
      [100, first(140)],
      [200, { from: at(140), to: at(240) }],
    ] as const) {
      const won = await race(ts, move);
      expect(won.toSorted()).toEqual([false, true]);
      const booked = (await one.settlements(storeGroup, undefined, 9)).filter((row) => row.ts >= ts);
      expect(booked).toEqual([settlement(won[0] ? ts : ts + 1)]);
    }
    expect(await one.rewind(storeGroup, { from: at(140), to: undefined })).toBe(false);
    expect(await one.rewind(storeGroup, { from: undefined, to: undefined })).toBe(false);
    expect(await one.settlements(storeGroup, undefined, 9)).toHaveLength(2);
    expect(await one.rewind(storeGroup, { from: at(240), to: undefined })).toBe(true);
    expect(await two.settlements(storeGroup, undefined, 9)).toEqual([]);
  });

  it("moves many cursors at once, and follows a group until it is finished", async () => {
    const ledger = await openLedger(await place());
    const groups = Array.from({ length: 510 }, (_, i): Hex => `0x${i.toString(16).padStart(40, "0")}`);
    const [gone, ahead] = [groups[7] as Hex, groups[9] as Hex];
    for (const group of groups) await ledger.book(group, [], first(group === ahead ? 150 : 140));
    await ledger.advance(groups, { from: at(140), to: at(190) });
    const expected = new Map(groups.map((group) => [group, at(group === ahead ? 150 : 190)]));
    expect(await ledger.followed()).toEqual(expected);
    // Of a group that another process moved in the meantime nothing is finished.
    await ledger.finish(ahead, at(140));
    await ledger.finish(gone, at(190));
    expected.delete(gone);
    expect(await ledger.followed()).toEqual(expected);
    expect(await ledger.cursor(gone)).toEqual(at(190));
    expect(await ledger.groups()).toHaveLength(510);
    // It comes back.
    await ledger.book(gone, [settlement(200, gone)], { from: at(190), to: at(240) });
    expect((await ledger.followed()).get(gone)).toEqual(at(240));
  });

  it("keeps reasons and cursors when it migrates from the release before, in both directions", async () => {
    const where = await place();
    const source = await openSource(ledgerLocation(where));
    onTestFinished(() => source.destroy());
    await source.undoLastMigration();
    await source.query(`INSERT INTO "reason" ("group", "code", "day", "count", "at_ms", "detail")
      VALUES ('${storeGroup}', 'rpc-down', 12, 3, 1763700000123, 'no answer')`);
    await source.query(`INSERT INTO "cursor" ("group", "block", "blockHash")
      VALUES ('${storeGroup}', 140, '${at(140).blockHash}')`);
    await source.runMigrations();
    const ledger = await openLedger(where);
    const kept = { code: "rpc-down", day: 12, count: 3, at_ms: 1_763_700_000_123, detail: "no answer" };
    expect(await ledger.reasons(5)).toEqual([{ contract: storeGroup, ...kept }]);
    expect(await ledger.followed()).toEqual(new Map([[storeGroup, at(140)]]));
    await ledger.addReasons([{ contract: storeGroup, ...kept, count: 2 }]);
    expect(await ledger.reasons(5)).toEqual([{ contract: storeGroup, ...kept, count: 5 }]);
    await source.undoLastMigration();
    expect(await source.query(`SELECT "group", "count" FROM "reason"`)).toEqual([
      { group: storeGroup, count: 5 },
    ]);
    await source.runMigrations();
    expect(await ledger.reasons(5)).toEqual([{ contract: storeGroup, ...kept, count: 5 }]);
  });

  it("returns every row of a table once, over many pages, also of one group only", async () => {
    const ledger = await openLedger(await place());
    const all = Array.from({ length: 1_203 }, (_, i) => settlement(i));
    await ledger.book(storeGroup, all, first(9_000));
    await ledger.book(otherGroup, [settlement(5, otherGroup)], first(9_000));
    const items = await rows(ledger, "item");
    expect(items).toHaveLength(2 * 1_204);
    expect(new Set(items.map((row) => JSON.stringify([row["group"], row["ts"], row["provider"]]))).size).toBe(
      2 * 1_204,
    );
    const own: unknown[] = [];
    for await (const row of ledger.rows("item", otherGroup)) own.push(row["ts"]);
    expect(own).toEqual([5, 5]);
    await expect(ledger.rows("nothing", undefined).next()).rejects.toThrow(/expected settlement, /);
  });

  it("stores peers with the time at which they were last connected", async () => {
    const ledger = await openLedger(await place());
    await ledger.setPeers([{ operator, connected: true, latency_ms: 1.25, seen_ms: 1_763_700_000_123 }]);
    await ledger.setPeers([{ operator, connected: false, latency_ms: null, seen_ms: 1_763_700_000_123 }]);
    expect(await ledger.peers()).toEqual([
      { operator, connected: false, latency_ms: null, seen_ms: 1_763_700_000_123 },
    ]);
  });

  it("keeps every acknowledged row after kill -9 during a write, and accepts new rows", async () => {
    const where = await place();
    const slots = await killedWriter("ledger", where, 100);
    const ledger = await openLedger(where);
    const kept = (await rows(ledger, "challenge")).map(({ slot }) => slot);
    expect(slots.length).toBeGreaterThanOrEqual(100);
    expect(kept.slice(0, slots.length)).toEqual(slots);
    await add(ledger, storeGroup, provenRecord(1_000_000));
    expect((await ledger.challengeCounts(storeGroup)).asked).toBe(kept.length + 1);
  });

  it("has exactly the tables of its entities: after the migrations the schema builder changes nothing", async () => {
    const source = await openSource(ledgerLocation(await place()));
    onTestFinished(() => source.destroy());
    const log = async (): Promise<string[]> =>
      (await source.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);
    expect(await log()).toEqual([]);
    // The same question names every table when there is none, so that the answer above means something.
    for (const _ of migrations) await source.undoLastMigration();
    const missing = (await log()).join("\n");
    for (const { options } of entities) expect(missing).toContain(`CREATE TABLE "${options.name}"`);
    await source.runMigrations();
    expect(await log()).toEqual([]);
  });
});
