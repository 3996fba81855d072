/** `whitepay store PATH…`: from files and folders to paid storage, in one command that may be repeated (R42–R45). */
import type { Command } from "commander";
import type { CatalogueItem } from "../../client/storing/catalogue.ts";
import { parseStoringTime } from "../../client/storing/duration.ts";
import { loadPayer } from "../chain/account.ts";
import { usageError } from "../console/exit.ts";
import { integerOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { carryOut } from "./carry-out.ts";
import { agreed, storingOptions, type StoringOptions } from "./options.ts";
import { planStore } from "./plan.ts";
import { findGroup } from "./find-group.ts";
import { withWritingSession, type WritingSession } from "./session.ts";
import { openSource, type StoredSource } from "./source.ts";
import { replacing, unfinished } from "./replace.ts";
import type { StoreWork } from "./state.ts";
import { watchCopies } from "./watch.ts";
import { readStored, type StoredGroup } from "./stored.ts";

type StoreOptions = StoringOptions & {
  readonly copies: number;
  readonly for: string;
  readonly budget?: string;
  readonly committee?: string;
  readonly public?: boolean;
  readonly discard?: boolean;
  readonly watch?: boolean;
  readonly every: number;
};

const maxCopies = 256;

export function register(program: Command): void {
  const command = program
    .command("store")
    .description(
      "store files and folders with several providers, encrypted, and pay for it; re-run to continue",
    )
    .argument("<paths...>", "files and folders; a folder is stored whole")
    .option(
      "--copies <n>",
      "providers that store each of them",
      integerOption("--copies", { min: 1, max: maxCopies }),
      3,
    )
    .option("--for <time>", "how long it is paid for: 500blocks, 30days, 6months", "6months")
    .option("--budget <tokens>", "most to deposit, in whole tokens (default: what the account has)")
    .option("--committee <address>", "committee of a new group (default: the open one with the lowest fee)")
    .option("--public", "store the bytes as they are, readable for everybody")
    .option("--discard", "give up an unfinished transfer of other files")
    .option("--watch", "go on afterwards: look after the copies and repair them, until Ctrl-C or SIGTERM")
    .option(
      "--every <seconds>",
      "time between two looks of --watch",
      integerOption("--every", { min: 1, max: 86_400 }),
      600,
    );
  storingOptions(command).action((paths: string[], options: StoreOptions) => storeAndWatch(paths, options));
}

async function storeAndWatch(paths: readonly string[], options: StoreOptions): Promise<void> {
  const { config } = await loadPayer(options);
  if (options.watch === true && config.passwordFile === undefined) {
    throw usageError("--watch cannot ask for the password of the key at every look", {
      hint: "name a file that holds it: passwordFile in payer.yaml, --password-file or WHITEPAY_PASSWORD_FILE",
    });
  }
  await store(paths, options);
  if (options.watch !== true || options.dryRun === true) return;
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  await watchCopies(options, { every_s: options.every, signal: stopping.signal });
}

async function store(paths: readonly string[], options: StoreOptions): Promise<void> {
  const time = parseStoringTime(options.for);
  const sources: StoredSource[] = [];
  for (const path of paths) sources.push(await openSource(path));
  refuseTwins(sources);
  const empty = sources.find(({ source }) => options.public === true && source.size === 0);
  if (empty !== undefined) {
    throw usageError(`${empty.path} is empty: nothing of it could be proven`, {
      hint: "leave out --public: encrypted, it has bytes",
    });
  }
  await withWritingSession(options, async (session) => {
    const { folder } = session;
    if (options.discard === true) await discard(session);
    if (!isSame(folder.state.work, sources, options)) {
      const group = await findGroup(session, folder.state.group);
      const stored = group === undefined ? undefined : await readStored(session, group);
      const rest = sources.filter((one) => !isStored(stored, one, options));
      if (rest.length === 0 && stored !== undefined) return report(session, { sources, options, stored });
      const { copies, budget, committee } = options;
      const isPublic = options.public === true;
      const work = await planStore({
        session,
        sources: rest,
        isPublic,
        copies,
        time,
        budget,
        committee,
        stored,
      });
      if (!(await agreed(options, "Store it?"))) return dryRun(options, work);
      await folder.save({ work, transactions: [] });
    } else if (options.dryRun === true) return dryRun(options, folder.state.work as StoreWork);
    else say("continues where the last run stopped");
    const deposit = folder.state.work?.deposit ?? "0";
    const { group, catalogue, transactions } = await carryOut(
      session,
      sourcesOf(sources),
      replacing(session),
    );
    result(options, {
      group: group.address,
      items: itemsOf(catalogue.items, sources),
      deposit,
      transactions,
    });
  });
}

function refuseTwins(sources: readonly StoredSource[]): void {
  const twin = sources.find(({ name }, i) => sources.findIndex((one) => one.name === name) !== i);
  if (twin === undefined) return;
  throw usageError(`two paths have the name ${twin.name}`, {
    expected: "names that differ: each is stored under its last part",
    hint: "rename one, or store the folder that holds both",
  });
}

/** Whether the unfinished work is this one. @throws CliError exit 6 if it is another */
function isSame(
  work: StoreWork | undefined,
  sources: readonly StoredSource[],
  options: StoreOptions,
): boolean {
  if (work === undefined) return false;
  const same = work.items.every((item) => {
    const source = sources.find(({ name }) => name === item.name);
    return (
      source?.fingerprint === item.fingerprint &&
      item.wanted === options.copies &&
      item.isPublic === (options.public === true)
    );
  });
  if (same && work.kind === "store") return true;
  throw unfinished(work);
}

/** Gives up the unfinished work. The group that it made stays the payer's. */
async function discard({ folder, provider }: WritingSession): Promise<void> {
  const { work, group } = folder.state;
  if (work === undefined) return;
  const isMade = (await provider.getCode(work.group)) !== "0x";
  const { version, chainId, payer } = folder.state;
  folder.state = { version, chainId, payer, transactions: [] };
  await folder.save(isMade ? { group: work.group } : group === undefined ? {} : { group });
  say("the unfinished transfer is given up");
}

function isStored(stored: StoredGroup | undefined, source: StoredSource, options: StoreOptions): boolean {
  const item = stored?.catalogue.items.find(({ name }) => name === source.name);
  return (
    item?.fingerprint === source.fingerprint &&
    item.isPublic === (options.public === true) &&
    item.copies.length >= options.copies
  );
}

const sourcesOf = (sources: readonly StoredSource[]) => (name: string) => {
  const found = sources.find((one) => one.name === name);
  return found === undefined ? Promise.reject(new Error(`no source ${name}`)) : Promise.resolve(found.source);
};

function itemsOf(items: readonly CatalogueItem[], sources: readonly StoredSource[]): CatalogueItem[] {
  return items.filter(({ name }) => sources.some((one) => one.name === name));
}

/** The plan as the document of `--json`: no copy is made yet. */
function dryRun(options: StoreOptions, { group, items, deposit }: StoreWork): void {
  const planned = items.map((item) => ({ ...item, copies: [] }));
  result(options, { group, items: planned, deposit, transactions: [] });
}

type Result = {
  readonly group: string;
  readonly items: readonly CatalogueItem[];
  readonly deposit: string;
  readonly transactions: readonly string[];
};

function report(
  _: WritingSession,
  {
    sources,
    options,
    stored,
  }: {
    readonly sources: readonly StoredSource[];
    readonly options: StoreOptions;
    readonly stored: StoredGroup;
  },
): void {
  say("everything is stored already");
  result(options, {
    group: stored.group.address,
    items: itemsOf(stored.catalogue.items, sources),
    deposit: "0",
    transactions: [],
  });
}

function result(options: StoreOptions, { group, items, deposit, transactions }: Result): void {
  if (options.json === true) {
    const shown = items.map(({ name, bytes, copies }) => ({ name, bytes, copies }));
    printJson({ group, items: shown, deposit, transactions });
    return;
  }
  printLine(`group  ${group}`);
  for (const { name, copies } of items) {
    printLine(`${name}  ${copies.length === 1 ? "1 copy" : `${copies.length} copies`}`);
  }
}
