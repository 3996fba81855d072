/** Changes of the tables, oldest first. A released migration is never edited. */
import { Table, TableColumn, TableIndex } from "typeorm";
import type { MigrationInterface, QueryRunner, TableColumnOptions } from "typeorm";

const groupColumn = { name: "group", type: "varchar", length: "42", isPrimary: true };
const integer = (name: string, isPrimary = false) => ({ name, type: "integer", isPrimary });
const text = (name: string, length: number, isNullable = false) => ({
  name,
  type: "varchar",
  length: String(length),
  isNullable,
});

class Initial1700000000000 implements MigrationInterface {
  readonly name = "Initial1700000000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: "challenge",
        columns: [
          groupColumn,
          integer("provider", true),
          integer("slot", true),
          text("outcome", 16),
          text("reason", 32, true),
          text("bytes", 40),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "settlement",
        columns: [
          groupColumn,
          integer("ts", true),
          integer("te"),
          integer("leader"),
          text("failed", 80),
          text("payees", 80),
          text("signers", 80),
          text("tx", 66),
          integer("block"),
          text("gasUsed", 40),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: "item",
        columns: [groupColumn, integer("ts", true), integer("provider", true), text("spaceTime", 40)],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of ["item", "settlement", "challenge"]) await runner.dropTable(name);
  }
}

const time = (name: string): TableColumnOptions => ({ name, type: "double precision" });
const key = (column: TableColumnOptions): TableColumnOptions => ({ ...column, isPrimary: true });
const amount = (name: string): TableColumnOptions => text(name, 80);
const interval = [groupColumn, integer("ts", true)];

const wholeBooks: Record<string, TableColumnOptions[]> = {
  settlement: [
    ...interval,
    integer("te"),
    integer("committee"),
    integer("leader"),
    amount("failed"),
    amount("payees"),
    amount("signers"),
    text("digest", 66),
    text("tx", 66),
    integer("block"),
    text("blockHash", 66),
  ],
  item: [
    ...interval,
    integer("provider", true),
    amount("signed"),
    amount("spaceTime"),
    amount("amount"),
    amount("toProvider"),
  ],
  share: [...interval, integer("keeper", true), text("operator", 42), amount("amount")],
  transaction: [
    ...interval,
    text("tx", 66),
    integer("block"),
    text("blockHash", 66),
    text("sender", 42),
    amount("gasUsed"),
    amount("gasPrice"),
  ],
  cursor: [groupColumn, integer("block"), text("blockHash", 66)],
  challenge_day: [
    groupColumn,
    integer("provider", true),
    integer("day", true),
    key(text("outcome", 16)),
    key(text("reason", 32)),
    integer("count"),
  ],
  reason: [
    groupColumn,
    key(text("code", 40)),
    integer("day", true),
    integer("count"),
    time("at_ms"),
    text("detail", 500),
  ],
  peer: [
    key(text("operator", 42)),
    { name: "connected", type: "boolean" },
    { ...time("latency_ms"), isNullable: true },
    time("seen_ms"),
  ],
};

/** Stores all data of every settlement, of any submitter. The earlier tables are read again from the chain. */
class WholeBooks1763700000000 implements MigrationInterface {
  readonly name = "WholeBooks1763700000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.dropTable("item");
    await runner.dropTable("settlement");
    for (const [name, columns] of Object.entries(wholeBooks)) {
      await runner.createTable(new Table({ name, columns }));
    }
    await runner.addColumn("challenge", new TableColumn({ ...time("at_ms"), default: 0 }));
  }

  /** The earlier rows cannot be derived from these, so the earlier tables are created empty. */
  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(wholeBooks)) await runner.dropTable(name);
    await runner.dropTable("challenge");
    await new Initial1700000000000().up(runner);
  }
}

/** Indexes, so that pages and retention do not read the whole table. */
class ChallengeIndices1763710000000 implements MigrationInterface {
  readonly name = "ChallengeIndices1763710000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.createIndices("challenge", [
      new TableIndex({ name: "challenge_slot", columnNames: ["group", "slot", "provider"] }),
      new TableIndex({ name: "challenge_at", columnNames: ["at_ms"] }),
    ]);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const name of ["challenge_slot", "challenge_at"]) await runner.dropIndex("challenge", name);
  }
}

/** Adds the committed bytes of each challenge, and their sums in the daily counts. */
class ProvenShares1763720000000 implements MigrationInterface {
  readonly name = "ProvenShares1763720000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn("challenge", new TableColumn(text("committed", 40, true)));
    for (const name of ["bytes", "committed"]) {
      await runner.addColumn("challenge_day", new TableColumn({ ...amount(name), default: "'0'" }));
    }
    // For these rows it is not known whether all or a part was proven.
    await runner.query(`UPDATE "challenge_day" SET "outcome" = 'unmeasured' WHERE "outcome" = 'proven'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn("challenge", "committed");
    for (const name of ["bytes", "committed"]) await runner.dropColumn("challenge_day", name);
  }
}

const committeeColumn = { name: "committee", type: "varchar", length: "42" };

const committeeBooks: Record<string, TableColumnOptions[]> = {
  challenge: [
    key(committeeColumn),
    groupColumn,
    integer("provider", true),
    integer("slot", true),
    text("outcome", 16),
    text("reason", 32, true),
    text("bytes", 40),
    text("committed", 40, true),
    { ...time("at_ms"), default: 0 },
  ],
  settlement: [
    ...interval,
    integer("te"),
    committeeColumn,
    integer("version"),
    integer("leader"),
    amount("failed"),
    amount("payees"),
    amount("signers"),
    text("digest", 66),
    amount("cut"),
    amount("fee"),
    text("tx", 66),
    integer("block"),
    text("blockHash", 66),
  ],
  item: [...interval, integer("provider", true), amount("spaceTime"), amount("amount")],
};

/**
 * Committees are contracts of their own and serve many groups: challenges are named by committee and group, and settlements hold what the
 * contracts of the second edition tell. Groups of the first edition have ended, so their rows are dropped.
 */
class Committees1763730000000 implements MigrationInterface {
  readonly name = "Committees1763730000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const name of ["challenge", "settlement", "item"]) await runner.dropTable(name);
    for (const name of ["share", "transaction", "cursor", "challenge_day"]) await runner.clearTable(name);
    for (const [name, columns] of Object.entries(committeeBooks)) {
      await runner.createTable(new Table({ name, columns }));
    }
    await runner.createIndices("challenge", [
      new TableIndex({ name: "challenge_slot", columnNames: ["committee", "group", "slot", "provider"] }),
      new TableIndex({ name: "challenge_at", columnNames: ["at_ms"] }),
    ]);
  }

  /** The rows of before cannot be derived from these, so their tables are created empty. */
  async down(runner: QueryRunner): Promise<void> {
    for (const name of Object.keys(committeeBooks)) await runner.dropTable(name);
    for (const name of ["share", "transaction", "cursor"]) await runner.clearTable(name);
    for (const name of ["settlement", "item"]) {
      await runner.createTable(new Table({ name, columns: wholeBooks[name] ?? [] }));
    }
    const challenge = (committeeBooks["challenge"] ?? []).filter(({ name }) => name !== "committee");
    await runner.createTable(new Table({ name: "challenge", columns: challenge }));
    await new ChallengeIndices1763710000000().up(runner);
  }
}

/**
 * A reason is about a committee or a group, so its column names a contract. A group that left is followed until it is booked for good.
 */
class Contracts1763740000000 implements MigrationInterface {
  readonly name = "Contracts1763740000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.renameColumn("reason", "group", "contract");
    await runner.addColumn(
      "cursor",
      new TableColumn({ name: "finishedAt", type: "integer", isNullable: true }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn("cursor", "finishedAt");
    await runner.renameColumn("reason", "contract", "group");
  }
}

export const migrations = [
  Initial1700000000000,
  WholeBooks1763700000000,
  ChallengeIndices1763710000000,
  ProvenShares1763720000000,
  Committees1763730000000,
  Contracts1763740000000,
];
