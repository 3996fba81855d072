/** The keeper's books in a file database: exact, idempotent, durable, and made by migrations alone. */
import { join } from "node:path";
import { DataSource } from "typeorm";
import { describe, expect, it, onTestFinished } from "vitest";
import { entities } from "../../keeper/adapters/ledger-typeorm/entities.ts";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import { migrations } from "../../keeper/adapters/ledger-typeorm/migrations.ts";
import NodeSqlite from "../../keeper/adapters/ledger-typeorm/node-sqlite.ts";
import type { Hex } from "../../keeper/core/hash.ts";
import type { SubmittedSettlement } from "../../keeper/ports/ledger.ts";
import { temporaryFolder } from "../support/files.ts";
import { failedRecord, hashOf, killedWriter, provenRecord, storeGroup } from "../support/records.ts";

const otherGroup: Hex = `0x${"c4".repeat(20)}`;

async function opened(file: string): Promise<TypeormLedger> {
  const ledger = await TypeormLedger.openFile(file);
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Rows as plain SQL sees them, through a connection of its own. */
function rows(file: string, sql: string): unknown[] {
  const db = new NodeSqlite(file);
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...(row as object) }));
  } finally {
    db.close();
  }
}

const settlement = (ts: number, gasUsed: bigint): SubmittedSettlement => ({
  group: storeGroup,
  settlement: {
    ts,
    te: ts + 30,
    committee: 1,
    leader: 2,
    failed: 0b10n,
    payees: 2n ** 123n + 1n,
    items: [
      { provider: 0, spaceTime: 2n ** 127n },
      { provider: 4, spaceTime: 0n },
    ],
  },
  signers: 2n ** 124n - 1n,
  tx: hashOf(ts),
  block: ts + 33,
  gasUsed,
});

describe("the ledger", () => {
  it("counts what was asked, passed and failed, by group", async () => {
    const ledger = await opened(join(await temporaryFolder(), "ledger.db"));
    expect(await ledger.challengeCounts(storeGroup)).toEqual({ asked: 0, passed: 0, failed: 0 });
    for (const slot of [1, 2, 3]) await ledger.addChallenge(storeGroup, provenRecord(slot));
    for (const slot of [1, 2]) await ledger.addChallenge(storeGroup, failedRecord(slot, 7));
    await ledger.addChallenge(otherGroup, failedRecord(1));
    expect(await ledger.challengeCounts(storeGroup)).toEqual({ asked: 5, passed: 3, failed: 2 });
    expect(await ledger.challengeCounts(otherGroup)).toEqual({ asked: 1, passed: 0, failed: 1 });
  });

  it("takes the same entry twice as one, and the later one stands", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    const ledger = await opened(file);
    await ledger.addChallenge(storeGroup, provenRecord(9));
    await ledger.addChallenge(storeGroup, provenRecord(9));
    expect(await ledger.challengeCounts(storeGroup)).toEqual({ asked: 1, passed: 1, failed: 0 });
    await ledger.addChallenge(storeGroup, failedRecord(9));
    expect(await ledger.challengeCounts(storeGroup)).toEqual({ asked: 1, passed: 0, failed: 1 });
    expect(rows(file, "select outcome, reason, bytes from challenge")).toEqual([
      { outcome: "failed", reason: "late", bytes: "0" },
    ]);
    await ledger.addChallenge(storeGroup, provenRecord(9));
    expect(rows(file, "select outcome, reason, bytes from challenge")).toEqual([
      { outcome: "proven", reason: null, bytes: (2n ** 70n + 9n).toString() },
    ]);
    for (const gas of [1n, 2n, 2n]) await ledger.addSettlement(settlement(100, gas));
    await ledger.addSettlement(settlement(130, 5n));
    expect(rows(file, "select ts, gasUsed from settlement order by ts")).toEqual([
      { ts: 100, gasUsed: "2" },
      { ts: 130, gasUsed: "5" },
    ]);
    expect(rows(file, "select count(*) as items from item")).toEqual([{ items: 4 }]);
  });

  it("forgets what a reorg took back, and nothing before it or of another group", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    const ledger = await opened(file);
    for (const ts of [100, 130, 160]) await ledger.addSettlement(settlement(ts, 1n));
    await ledger.addSettlement({ ...settlement(160, 1n), group: otherGroup });
    await ledger.dropSettlements(storeGroup, 130);
    expect(rows(file, 'select "group", ts from settlement order by ts')).toEqual([
      { group: storeGroup, ts: 100 },
      { group: otherGroup, ts: 160 },
    ]);
    expect(rows(file, "select count(*) as items from item")).toEqual([{ items: 4 }]);
  });

  it("keeps the largest numbers of the protocol to the last digit", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    const ledger = await opened(file);
    await ledger.addSettlement(settlement(100, 16_777_216n));
    const [row] = rows(file, "select * from settlement");
    expect(row).toEqual({
      group: storeGroup,
      ts: 100,
      te: 130,
      leader: 2,
      failed: "2",
      payees: (2n ** 123n + 1n).toString(),
      signers: (2n ** 124n - 1n).toString(),
      tx: hashOf(100),
      block: 133,
      gasUsed: "16777216",
    });
    expect(rows(file, "select provider, spaceTime from item order by provider")).toEqual([
      { provider: 0, spaceTime: (2n ** 127n).toString() },
      { provider: 4, spaceTime: "0" },
    ]);
  });

  it("is there after a restart and takes more", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    const first = await TypeormLedger.openFile(file);
    await first.addChallenge(storeGroup, provenRecord(1));
    await first.close();
    const second = await opened(file);
    await second.addChallenge(storeGroup, provenRecord(2));
    expect(await second.challengeCounts(storeGroup)).toEqual({ asked: 2, passed: 2, failed: 0 });
  });

  it("survives kill -9 in mid-write: every row acknowledged is there", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    const slots = await killedWriter("ledger", file, 100);
    const ledger = await opened(file);
    const { asked, passed } = await ledger.challengeCounts(storeGroup);
    expect(asked).toBeGreaterThanOrEqual(100);
    expect(passed).toBe(asked);
    const kept = rows(file, "select slot from challenge order by slot") as { slot: number }[];
    expect(kept.slice(0, slots.length).map(({ slot }) => slot)).toEqual(slots);
  });

  it("has exactly the tables of its entities: migrations leave the schema builder nothing to do", async () => {
    const file = join(await temporaryFolder(), "ledger.db");
    await (await TypeormLedger.openFile(file)).close();
    const log = async (database: string): Promise<string[]> => {
      const source = new DataSource({ type: "better-sqlite3", driver: NodeSqlite, database, entities });
      await source.initialize();
      try {
        const builder = source.driver.createSchemaBuilder();
        return (await builder.log()).upQueries.map(({ query }) => query);
      } finally {
        await source.destroy();
      }
    };
    expect(await log(file)).toEqual([]);
    // The same question of an empty database names every table, so that the answer above means something.
    const missing = (await log(join(await temporaryFolder(), "empty.db"))).join("\n");
    for (const { options } of entities) expect(missing).toContain(`CREATE TABLE "${options.name}"`);
    expect(migrations.length).toBeGreaterThan(0);
  });
});
