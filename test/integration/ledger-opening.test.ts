/** Opening the keeper's ledger: refusals, passwords, and a file of the first release. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DataSource } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import { ledgerLocation } from "../../keeper/adapters/ledger-typeorm/location.ts";
import { migrations } from "../../keeper/adapters/ledger-typeorm/migrations.ts";
import NodeSqlite from "../../keeper/adapters/ledger-typeorm/node-sqlite.ts";
import { temporaryFolder } from "../support/files.ts";
import { noChallenges, openLedger } from "../support/ledgers.ts";
import { startPostgres } from "../support/postgres.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { storeGroup, storeServed } from "../support/records.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe("opening a ledger", () => {
  it("names the database that cannot be opened, without its password", async () => {
    const url = (await postgres.database()).replace(/ledger_\d+$/, "absent");
    const failure = await TypeormLedger.open(ledgerLocation(url)).catch((error: Error) => error.message);
    expect(failure).toMatch(/absent.*expected a database .*actual: .*does not exist/);
    expect(failure).not.toContain(postgres.password);
    const file = fileURLToPath(import.meta.url);
    await expect(TypeormLedger.open(ledgerLocation(join(file, "ledger.db")))).rejects.toThrow(
      /^ledger .*expected/,
    );
  });

  it("accepts the password of a URL separately", async () => {
    const url = new URL(await postgres.database());
    url.password = "";
    const ledger = await TypeormLedger.open(ledgerLocation(url.toString(), postgres.password));
    expect(await ledger.peers()).toEqual([]);
    await ledger.close();
  });

  it("migrates a file of the first release and keeps its challenges", async () => {
    const database = join(await temporaryFolder(), "ledger.db");
    const first = migrations.slice(0, 1);
    const source = new DataSource({
      type: "better-sqlite3",
      driver: NodeSqlite,
      database,
      migrations: first,
    });
    await source.initialize();
    await source.runMigrations();
    await source.query("insert into challenge values (?, 3, 9, 'proven', null, '77')", [storeGroup]);
    await source.query("insert into settlement values (?, 1, 2, 0, '0', '1', '7', '0x', 3, '4')", [
      storeGroup,
    ]);
    await source.destroy();
    const ledger = await openLedger(database);
    // Groups of the first edition have ended: their rows are dropped.
    expect(await ledger.challenges(storeServed, undefined, 5)).toEqual([]);
    expect(await ledger.challengeCounts(storeGroup)).toEqual(noChallenges);
    const folded = await openLedger(database);
    // Settlements are read again from the chain, from the group's first block.
    expect(await folded.settlements(storeGroup, undefined, 5)).toEqual([]);
    expect(await folded.cursor(storeGroup)).toBeUndefined();
  });
});
