/**
 * Node's SQLite with the interface that TypeORM's `better-sqlite3` driver expects, so that no native package is built.
 * It has only the methods that this driver calls.
 */
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";

class Statement {
  readonly #statement: StatementSync;
  /** True if the statement returns rows: the driver then calls `all`, otherwise `run`. */
  readonly reader: boolean;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(...values: SQLInputValue[]): unknown[] {
    return this.#statement.all(...values);
  }

  run(...values: SQLInputValue[]): ReturnType<StatementSync["run"]> {
    return this.#statement.run(...values);
  }
}

export default class NodeSqlite {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
  }

  prepare(sql: string): Statement {
    return new Statement(this.#db.prepare(sql));
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  pragma(text: string): unknown[] {
    return this.#db.prepare(`PRAGMA ${text}`).all();
  }

  close(): void {
    this.#db.close();
  }
}
