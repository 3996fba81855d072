/** Four keepers whose books lie on a file or on PostgreSQL, and a browser to look at them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import type { LedgerRow } from "../../keeper/adapters/ledger-typeorm/tables.ts";
import { statusSchema } from "../../keeper/api/schemas.ts";
import type { KeeperStatus, SettlementDocument } from "../../keeper/api/schemas.ts";
import { readConfig } from "../../keeper/config.ts";
import { ledgerLocationOf } from "../../keeper/ledger-location.ts";
import { writeRunFile } from "../../keeper/run-file.ts";
import { startCli } from "../support/cli.ts";
import type { CliProcess, CliResult } from "../support/cli.ts";
import { FaultFleet } from "../support/fleet/fault-fleet.ts";
import { startPostgres } from "../support/postgres.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { launchChromium } from "./chromium.ts";

/** Index of a keeper with a ledger in a file, and of one with PostgreSQL. */
export const [onFile, onPostgres] = [0, 1] as const;
/** The keeper's monitor measures every five seconds. */
export const patience_ms = 30_000;
export const chainTables = ["settlement", "item", "share", "transaction"];

export type Answer = { readonly status: number; readonly body: unknown };
export type Rows = Record<string, readonly LedgerRow[]>;

export async function eventually(
  what: string | (() => string),
  holds: () => Promise<boolean>,
  limit_ms: number = patience_ms,
): Promise<void> {
  const end = performance.now() + limit_ms;
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`not within ${limit_ms} ms: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((next) => setTimeout(next, 100));
  }
}

type Parts = {
  readonly fleet: FaultFleet;
  readonly postgres: TestPostgres;
  readonly browser: Browser;
  readonly folder: string;
};

export class WatchedFleet {
  readonly fleet: FaultFleet;
  readonly postgres: TestPostgres;
  readonly browser: Browser;
  readonly #folder: string;

  private constructor({ fleet, postgres, browser, folder }: Parts) {
    this.fleet = fleet;
    this.postgres = postgres;
    this.browser = browser;
    this.#folder = folder;
  }

  static async start(): Promise<WatchedFleet> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-browser-"));
    const postgres = await startPostgres();
    try {
      const url = new URL(await postgres.database());
      url.password = "";
      const ledgerPasswordFile = join(folder, "password");
      await writeFile(ledgerPasswordFile, `${postgres.password}\n`, { mode: 0o600 });
      const fleet = await FaultFleet.start({
        keepers: 4,
        providers: 3,
        configOf: async (index) =>
          index === onPostgres ? { ledger: url.toString(), ledgerPasswordFile } : {},
      });
      return new WatchedFleet({ fleet, postgres, folder, browser: await launchChromium() });
    } catch (error) {
      await postgres.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.fleet.stop();
    await this.postgres.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The group that a keeper's page shows first. */
  get group(): string {
    return this.fleet.groups[0] as string;
  }

  async ask(index: number, path: string): Promise<Answer> {
    const response = await fetch(`${this.fleet.apiOf(index)}${path}`);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  /** The HTTP status for a request with the host name `name`. */
  statusUnderName(name: string): Promise<number | undefined> {
    return new Promise((done, fail) => {
      get(`${this.fleet.apiOf(onFile)}/v1/status`, { headers: { host: name } }, (response) => {
        response.resume();
        done(response.statusCode);
      }).once("error", fail);
    });
  }

  async statusOf(index: number): Promise<KeeperStatus> {
    return statusSchema.parse((await this.ask(index, "/v1/status")).body);
  }

  /** Starts `whitepay keeper status` for keeper `index`. Keepers of a fleet write no run file, so this writes one. */
  async startStatusCommand(index: number): Promise<CliProcess> {
    const { fleet } = this;
    const { dataDir } = await readConfig(fleet.configFile(index));
    await writeRunFile(dataDir, { pid: process.pid, api: fleet.apiOf(index), peerId: fleet.peerIdOf(index) });
    return startCli(["keeper", "status", "--config", fleet.configFile(index)]);
  }

  async statusCommand(index: number): Promise<CliResult> {
    return (await this.startStatusCommand(index)).ended;
  }

  /** The tables read from the chain, in the ledger of keeper `index` or in another file. */
  async rows(index: number, file?: string): Promise<Rows> {
    const config = await readConfig(this.fleet.configFile(index));
    const ledger = await TypeormLedger.open(
      file === undefined ? await ledgerLocationOf(config) : { kind: "file", path: file },
    );
    try {
      const tables: Record<string, LedgerRow[]> = {};
      for (const table of chainTables) {
        const rows: LedgerRow[] = [];
        for await (const row of ledger.rows(table, undefined)) rows.push(row);
        tables[table] = rows;
      }
      return tables;
    } finally {
      await ledger.close();
    }
  }

  /** Waits until the ledger of keeper `index` has exactly the settlements of the chain, of each group. */
  async bookedAsTheChain(index: number): Promise<Rows> {
    for (const group of this.fleet.groups) await this.#isBooked(index, group);
    return this.rows(index);
  }

  async #isBooked(index: number, group: string): Promise<void> {
    const settled = await this.fleet.settlements(group);
    const expected = settled.map(({ from: ts, through: te, tx, leader }) => ({ ts, te, tx, leader }));
    await eventually("the ledger has what the chain has", async () => {
      const { body } = await this.ask(index, `/v1/groups/${group}/settlements?limit=200`);
      const booked = (body as { items: SettlementDocument[] }).items.toReversed();
      const same = booked.map(({ ts, te, tx, leader }) => ({ ts, te, tx, leader }));
      return JSON.stringify(same) === JSON.stringify(expected);
    });
  }
}
