/** Changes of the tables, oldest first. A released migration is never edited. */
import { Table } from "typeorm";
import type { MigrationInterface, QueryRunner } from "typeorm";

const groupColumn = { name: "group", type: "varchar", length: "42", isPrimary: true };
const integer = (name: string, isPrimary = false) => ({ name, type: "integer", isPrimary });
const text = (name: string, length: number, isNullable = false) => ({
  name,
  type: "varchar",
  length: String(length),
  isNullable,
});

export class Initial1700000000000 implements MigrationInterface {
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

export const migrations = [Initial1700000000000];
