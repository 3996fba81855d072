/** Opens the ledger and waits while another process writes. */
import { setTimeout as sleep } from "node:timers/promises";
import { DataSource } from "typeorm";
import { DiskFullError, isDiskFull } from "../../../storage/disk/disk-full.ts";
import { entities } from "./entities.ts";
import { migrations } from "./migrations.ts";
import NodeSqlite from "./node-sqlite.ts";
import { LedgerError, locationText } from "./location.ts";
import type { LedgerLocation } from "./location.ts";

/** Connections to a server: one for the serialised writes of the daemon, the others for reads. */
const poolSize = 4;
const connectTimeout_ms = 10_000;
/** The embedded engine blocks the whole process while it waits for another process, so this limit is short. */
const busyTimeout_ms = 10;
const busyLimit_ms = 10_000;
const busyPause_ms = 20;
const sqliteBusy = 5;

function isBusy(error: unknown): boolean {
  const { driverError, errcode } = error as { driverError?: { errcode?: number }; errcode?: number };
  return ((driverError?.errcode ?? errcode ?? 0) & 0xff) === sqliteBusy;
}

/** Repeats work while another process writes to an embedded database, without blocking this process. */
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

/** Adds the separately configured password to the URL. */
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
    // An acknowledged row survives kill −9.
    prepareDatabase: (db: NodeSqlite) => {
      db.pragma(`busy_timeout = ${busyTimeout_ms}`);
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
    },
  };
}

/**
 * Opens the ledger and migrates its tables.
 * @throws LedgerError with the location, but without its password; DiskFullError
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
