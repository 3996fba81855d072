/** `whitepay ledger …`: rebuilds the keeper's ledger from the chain, or exports it as JSON or CSV. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { Argument, Command, Option } from "commander";
import type { TypeormLedger } from "../../keeper/adapters/ledger-typeorm/index.ts";
import type { KeeperConfig } from "../../keeper/config.ts";
import type { Hex } from "../../protocol/hash.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { asKeeperFailure, configOptions, loadConfig } from "./context.ts";
import type { ConfigOptions } from "./context.ts";
import { csvLine } from "../console/csv.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { progressBar } from "../console/progress.ts";
import { jsonOption } from "../console/options.ts";
import { counted } from "../../protocol/counted.ts";

export async function register(program: Command): Promise<void> {
  const ledger = program
    .command("ledger")
    .description("rebuild or export the ledger: payments, challenges and reasons");
  const group = (): Option => new Option("--group <address>", "only this group");
  const rebuild = ledger
    .command("rebuild")
    .description(
      "delete the rows read from the chain and read them again from each group's first block; the keeper may run",
    )
    .addOption(group());
  (await configOptions(jsonOption(rebuild))).action((options: ConfigOptions) =>
    withLedger(options, (opened) => rebuildCommand(opened, options)),
  );
  const exporting = ledger
    .command("export")
    .description("print all rows of the given tables (default: all tables), ordered by key")
    .addArgument(
      new Argument("[tables...]", "settlement, item, share, transaction, challenge, reason, peer, …"),
    )
    .addOption(
      new Option("--csv", "print CSV with a header line: one table, or with --out one file for each table"),
    )
    .addOption(new Option("--out <folder>", "folder for the files TABLE.csv").implies({ csv: true }))
    .addOption(group());
  (await configOptions(jsonOption(exporting))).action((tables: string[], options: ConfigOptions) =>
    withLedger(options, (opened) => exportCommand(opened, tables, options)),
  );
}

type Opened = {
  readonly ledger: TypeormLedger;
  readonly config: KeeperConfig;
  /** Only this group. */
  readonly named: Hex | undefined;
};

async function withLedger(options: ConfigOptions, work: (opened: Opened) => Promise<void>): Promise<void> {
  const { config } = await loadConfig(options);
  const named = (options["group"] as string | undefined)?.toLowerCase() as Hex | undefined;
  const { ledgerLocationOf } = await import("../../keeper/ledger-location.ts");
  const { TypeormLedger } = await import("../../keeper/adapters/ledger-typeorm/index.ts");
  await asKeeperFailure(async () => {
    const location = await ledgerLocationOf(config);
    if (location.kind === "file") await mkdir(dirname(location.path), { recursive: true });
    const ledger = await TypeormLedger.open(location);
    try {
      await work({ ledger, config, named });
    } finally {
      await ledger.close();
    }
  });
}

function expectKnown(named: Hex | undefined, known: readonly Hex[], where: string): void {
  if (named === undefined || known.includes(named)) return;
  throw usageError(`the group is not ${where}`, { expected: known.join(", ") || "a group", actual: named });
}

/** Groups in the ledger, and those that this keeper's committees serve, or served since it consented (R39). */
async function groupsOf({ ledger, config }: Opened): Promise<Hex[]> {
  const { describeKeys } = await import("../../daemon/keys/keystore.ts");
  const { connectChain } = await import("../../client/connect.ts");
  const { membershipsFrom, seatsOf } = await import("../../client/seats.ts");
  const groups = new Set(await ledger.groups());
  const operator = (await describeKeys(config.keys)).find(({ name }) => name === "operator")?.public ?? "";
  const provider = await connectChain(config.chain);
  try {
    for (const { committee, since } of await seatsOf(provider, { ...config.chain, operator })) {
      for (const { group } of await membershipsFrom(provider, committee, since)) {
        groups.add(group.toLowerCase() as Hex);
      }
    }
  } finally {
    provider.destroy();
  }
  return [...groups];
}

async function rebuildCommand(opened: Opened, options: ConfigOptions): Promise<void> {
  const { ledger, config, named } = opened;
  const { EthersHistory } = await import("../../keeper/adapters/chain-ethers/history.ts");
  const { feeLimitsOf } = await import("../../keeper/config.ts");
  const { RpcUnavailable } = await import("../../daemon/chain/rpc.ts");
  const { systemClock } = await import("../../keeper/adapters/clock-system.ts");
  const { Bookkeeper } = await import("../../keeper/runtime/bookkeeper.ts");
  const known = await groupsOf(opened);
  expectKnown(named, known, "in the ledger, nor in a committee of this keeper");
  const groups = named === undefined ? known : [named];
  const { id: chainId, rpc: urls } = config.chain;
  const history = new EthersHistory({ chainId, urls, fees: feeLimitsOf(config) }, () => systemClock.now_ms());
  const onTrouble = (): void => undefined;
  const on = { books: ledger, history, clock: systemClock, onTrouble };
  const bookkeeper = new Bookkeeper(() => groups, on);
  const done: { group: Hex; through: number; settlements: number }[] = [];
  try {
    for (const group of groups) {
      const origin = await history.origin(group);
      const { block } = await history.head();
      const bar = progressBar({ label: `group ${group.slice(0, 10)}`, total: Math.max(1, block - origin) });
      await bookkeeper.rebuild(group, (through) => bar?.update(through - origin));
      bar?.stop();
      const through = (await ledger.cursor(group))?.block ?? origin;
      done.push({ group, through, settlements: await ledger.countSettlements(group) });
    }
  } catch (error) {
    if (!(error instanceof RpcUnavailable)) throw error;
    const hint = "rows written so far are kept; a running keeper continues from there; check chain.rpc";
    throw new CliError({ code: exitCodes.network, message: error.message, hint, cause: error });
  } finally {
    history.close();
  }
  if (options["json"] === true) return printJson({ groups: done });
  for (const { group, through, settlements } of done) {
    printLine(`group ${group}: ${counted(settlements, "settlement")}, read through block ${through}`);
  }
  if (groups.length === 0) say("no group: no committee of this keeper serves one");
}

async function write(to: Writable, text: string): Promise<void> {
  if (!to.write(text)) await once(to, "drain");
}

async function writeTable(
  ledger: TypeormLedger,
  table: string,
  group: Hex | undefined,
  to: Writable,
): Promise<number> {
  let count = 0;
  await write(to, csvLine(ledger.columns(table)));
  for await (const row of ledger.rows(table, group)) {
    await write(to, csvLine(Object.values(row)));
    count++;
  }
  return count;
}

async function exportCommand(
  { ledger, named: group }: Opened,
  named: readonly string[],
  options: ConfigOptions,
): Promise<void> {
  const { tableNames } = await import("../../keeper/adapters/ledger-typeorm/tables.ts");
  const unknown = named.find((table) => !tableNames.includes(table));
  if (unknown !== undefined)
    throw usageError("no such table", { expected: tableNames.join(", "), actual: unknown });
  const tables = named.length > 0 ? named : tableNames;
  if (group !== undefined) expectKnown(group, await ledger.groups(), "in the ledger");
  const out = options["out"] as string | undefined;
  if ((options["csv"] === true) === (options["json"] === true)) {
    throw usageError("ledger export: expected either --csv or --json");
  }
  if (options["json"] === true) return exportJson(ledger, tables, group);
  if (out === undefined) {
    const [table, more] = tables;
    if (table === undefined || more !== undefined) {
      throw usageError("CSV on stdout holds one table only", {
        expected: "one table, or --out FOLDER",
        actual: tables.join(", "),
      });
    }
    await writeTable(ledger, table, group, process.stdout);
    return;
  }
  await mkdir(out, { recursive: true });
  for (const table of tables) {
    const file = createWriteStream(join(out, `${table}.csv`));
    const count = await writeTable(ledger, table, group, file);
    file.end();
    await once(file, "close");
    say(`${join(out, `${table}.csv`)}: ${counted(count, "row")}`);
  }
}

/** Writes one document row by row: a ledger may be larger than memory. */
async function exportJson(
  ledger: TypeormLedger,
  tables: readonly string[],
  group: Hex | undefined,
): Promise<void> {
  const to = process.stdout;
  for (const [i, table] of tables.entries()) {
    await write(to, `${i === 0 ? "{" : ","}\n${JSON.stringify(table)}:[`);
    let separator = "\n";
    for await (const row of ledger.rows(table, group)) {
      await write(to, separator + JSON.stringify(row));
      separator = ",\n";
    }
    await write(to, "]");
  }
  await write(to, "\n}\n");
}
