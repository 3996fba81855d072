/** Opens the ledger, and waits for its turn where another process writes. */
import { setTimeout as sleep } from "node:timers/promises";
import { DataSource } from "typeorm";
import { DiskFullError, isDiskFull } from "../../../storage/disk/disk-full.ts";
import { entities } from "./entities.ts";
import { migrations } from "./migrations.ts";
import NodeSqlite from "./node-sqlite.ts";
import { LedgerError, locationText } from "./location.ts";
import type { LedgerLocation } from "./location.ts";

/** Connections to a server: the daemon's writes go one after the other, the rest serves people. */
const poolSize = 4;
const connectTimeout_ms = 10_000;
/** The embedded engine waits for another process inside the call, and the keeper with it: not for long. */
const busyTimeout_ms = 10;
const busyLimit_ms = 10_000;
const busyPause_ms = 20;
const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  const { driverError, errcode } = error as { driverError?: { errcode?: number }; errcode?: number };
  return ((driverError?.errcode ?? errcode ?? 0) & 0xff) === sqliteBusy;
}

/** Another process may be writing to an embedded database: its turn is waited for without holding up this one. */
export async function whenFree<T>(work: () => Promise<T>): Promise<T> {
  const end_ms = performance.now() + busyLimit_ms;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > end_ms) throw error;
      await sleep(busyPause_ms);
    }
  }
}

/** The driver hears a URL's parts only; one without a password takes it from elsewhere. */
function withPassword({ url, password }: { readonly url: string; readonly password?: string }): string {
  if (password === undefined) return url;
  const whole = new URL(url);
  whole.password = encodeURIComponent(password);
  return whole.toString();
}

function optionsOf(location: LedgerLocation): ConstructorParameters<typeof DataSource>[0] {
  if (location.kind === "postgres") {
    return {
      type: "postgres",
      url: withPassword(location),
      entities,
      migrations,
      poolSize,
      connectTimeoutMS: connectTimeout_ms,
    };
  }
  return {
    type: "better-sqlite3",
    driver: NodeSqlite,
    database: location.path,
    entities,
    migrations,
    // A row that was acknowledged survives kill −9.
    prepareDatabase: (db: NodeSqlite) => {
      db.pragma(`busy_timeout = ${busyTimeout_ms}`);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
    },
  };
}

/**
 * Opens it and brings its tables up to date.
 * @throws LedgerError with the location, but never its password; DiskFullError
 */
export async function openSource(location: LedgerLocation): Promise<DataSource> {
  try {
    return await whenFree(() => tryOpen(location));
  } catch (error) {
    if (location.kind === "file" && isDiskFull(error))
      throw new DiskFullError(location.path, { cause: error });
    throw new LedgerError(
      `ledger ${locationText(location)}: expected a database that can be opened and written, actual: ${(error as Error).message}`,
    );
  }
}

async function tryOpen(location: LedgerLocation): Promise<DataSource> {
  const source = new DataSource(optionsOf(location));
  try {
    await source.initialize();
    await source.runMigrations({ transaction: "all" });
    return source;
  } catch (error) {
    if (source.isInitialized) await source.destroy();
    throw error;
  }
}
