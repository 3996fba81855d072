/** `whitepay repair`: copies at providers that prove too little, leave or do not answer are made anew at others (R43). */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { GroupAt } from "../../client/group-view.ts";
import { CommitteeView } from "../../client/committee-view.ts";
import { encodeCatalogue, type CatalogueItem } from "../../client/storing/catalogue.ts";
import { chooseProviders, type Candidate } from "../../client/storing/choose.ts";
import { payloadBytes } from "../../client/storing/age-stream.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { listsOf } from "./beside.ts";
import { carryOut, type Sources } from "./carry-out.ts";
import { discover, recordsIn } from "./discover.ts";
import { provenBps } from "./list.ts";
import { agreed, storingOptions, type StoringOptions } from "./options.ts";
import { costOfMore, keptPieces, leastBlocks, presentCost } from "./plan.ts";
import { placesOf, readItem, type ReadItem } from "./read-item.ts";
import { unchangedMoney } from "./remove.ts";
import { replacing, unfinished } from "./replace.ts";
import { knownGroup } from "./find-group.ts";
import { withWritingSession, type WritingSession } from "./session.ts";
import type { Sending, SentPiece, StoreWork } from "./state.ts";
import { readStored, type Holder, type StoredGroup } from "./stored.ts";

const secondLook_ms = 5_000;

export type Repaired = { readonly name: string; readonly from: string; readonly to: string };
export type RepairReport = {
  readonly repaired: readonly Repaired[];
  readonly unrepairable: readonly string[];
};

export function register(program: Command): void {
  const command = program
    .command("repair")
    .description("make copies anew whose providers prove too little, leave, or do not answer");
  storingOptions(command).action((options: StoringOptions) =>
    withWritingSession(options, async (session) => {
      const report = await repair(session, options);
      if (options.json === true) printJson(report);
      else tell(report);
      if (report.unrepairable.length === 0) return;
      throw new CliError({
        code: exitCodes.failed,
        message: `${report.unrepairable.join(", ")} cannot be repaired`,
        hint: "no copy can be read, or no other provider takes it; store it again from its source",
      });
    }),
  );
}

function tell({ repaired, unrepairable }: RepairReport): void {
  for (const { name, from, to } of repaired) printLine(`${name}  from ${from} to ${to}`);
  if (repaired.length === 0 && unrepairable.length === 0) printLine("every copy is where it should be");
}

type JudgedHolder = Pick<Holder, "list" | "fault"> & {
  readonly account: Pick<Holder["account"], "operator" | "leavesAt" | "activeFrom" | "proven">;
};
/** Of a group what tells the condition of its copies. */
type JudgedGroup = Pick<StoredGroup, "catalogue"> & {
  readonly page: { readonly state: Pick<StoredGroup["page"]["state"], "settledThrough"> };
  readonly holders: readonly JudgedHolder[];
};

/** Why a provider's copies are to be made anew; undefined if they are not. */
export function faultOf(
  { page }: Pick<JudgedGroup, "page">,
  holder: JudgedHolder | undefined,
): string | undefined {
  if (holder === undefined) return "has left";
  const { account, list, fault } = holder;
  if (account.leavesAt !== undefined) return `leaves at block ${account.leavesAt}`;
  if (list === undefined) return `does not answer: ${fault ?? "no reason"}`;
  const { paid, committed } = account.proven;
  const isSettled = account.activeFrom < page.state.settledThrough;
  if (!isSettled || paid * 10_000n >= committed * provenBps) return undefined;
  return `proved ${Number((paid * 10_000n) / committed) / 100} % of its data in the last settlement`;
}

/** Repairs what can be repaired. Goes on with a repair that was interrupted. */
export async function repair(session: WritingSession, options: StoringOptions): Promise<RepairReport> {
  const { folder } = session;
  const { work } = folder.state;
  if (work !== undefined && work.kind !== "repair") throw unfinished(work);
  const stored = await readTwice(session, await knownGroup(session, folder.state.group ?? work?.group));
  let unrepairable: readonly string[] = [];
  if (work === undefined) {
    const planned = await planRepair(session, stored);
    unrepairable = planned.unrepairable;
    if (planned.work === undefined) return { repaired: [], unrepairable };
    if (!(await agreed(options, "Repair it?"))) return { repaired: [], unrepairable };
    await folder.save({ work: planned.work, transactions: [] });
  }
  const open = new Map<string, ReadItem>();
  const sources = readingFrom(session, stored, open);
  let last: StoreWork | undefined;
  try {
    await carryOut(session, sources, replacing(session), (done) => (last = done));
  } finally {
    for (const read of open.values()) await read.close();
  }
  return { repaired: movesOf(last), unrepairable };
}

/** A provider that does not answer gets a second chance: a copy made anew costs more than a pause. */
async function readTwice(session: WritingSession, group: GroupAt): Promise<StoredGroup> {
  const stored = await readStored(session, group);
  if (stored.holders.every(({ list }) => list !== undefined)) return stored;
  await sleep(secondLook_ms, undefined, { signal: session.signal });
  return readStored(session, group);
}

function movesOf(work: StoreWork | undefined): Repaired[] {
  return (work?.providers ?? []).flatMap(({ operator, instead, copies }) =>
    instead === undefined ? [] : Object.keys(copies).map((name) => ({ name, from: instead, to: operator })),
  );
}

/** Items as they are read from copies that are left; each is fetched once. */
function readingFrom(session: WritingSession, stored: StoredGroup, open: Map<string, ReadItem>): Sources {
  const good = { ...stored, holders: stored.holders.filter(({ list }) => list !== undefined) };
  return async (name) => {
    const known = open.get(name);
    if (known !== undefined) return known.source;
    const item = stored.catalogue.items.find((one) => one.name === name);
    if (item === undefined) throw new Error(`no item ${name}`);
    const scope = { session, stored: good, folder: join(session.folder.dir, "parts"), onBytes: () => {} };
    const read = await readItem(scope, item);
    open.set(name, read);
    return read.source;
  };
}

function holderAt<H extends JudgedHolder>(
  { holders }: { readonly holders: readonly H[] },
  provider: string,
): H | undefined {
  return holders.find(({ account }) => account.operator.toLowerCase() === provider.toLowerCase());
}

/** Whether a copy of an item is at a provider that proves too little, leaves or does not answer. */
export function needsRepair(stored: JudgedGroup): boolean {
  const places = stored.catalogue.items.flatMap(({ copies }) => copies);
  return places.some(({ provider }) => faultOf(stored, holderAt(stored, provider)) !== undefined);
}

type Bad = {
  readonly operator: string;
  readonly holder: Holder | undefined;
  readonly items: CatalogueItem[];
};

function badProviders(stored: StoredGroup): Bad[] {
  const found = new Map<string, Bad>();
  for (const item of stored.catalogue.items) {
    for (const { provider } of item.copies) {
      const key = provider.toLowerCase();
      const known = found.get(key);
      if (known !== undefined) {
        known.items.push(item);
        continue;
      }
      const holder = holderAt(stored, provider);
      const why = faultOf(stored, holder);
      if (why === undefined) continue;
      say(`provider ${provider} ${why}`);
      found.set(key, { operator: provider, holder, items: [item] });
    }
  }
  return [...found.values()];
}

type PlannedRepair = { readonly work: StoreWork | undefined; readonly unrepairable: readonly string[] };

async function planRepair(session: WritingSession, stored: StoredGroup): Promise<PlannedRepair> {
  const bad = badProviders(stored);
  const away = new Set(bad.map(({ operator }) => operator.toLowerCase()));
  const isReadable = (item: CatalogueItem): boolean =>
    placesOf(stored, item).some(({ holder }) => holder.list !== undefined);
  const unrepairable = new Set(
    bad.flatMap(({ items }) => items.filter((item) => !isReadable(item)).map(({ name }) => name)),
  );
  const money = unchangedMoney(stored);
  const candidates = await candidatesFor(session, stored, away);
  const providers: Sending[] = [];
  const chosen: Candidate[] = [];
  for (const { operator, items } of bad) {
    const readable = items.filter(isReadable);
    if (readable.length === 0) continue;
    const other = successor(stored, { items: readable, candidates, chosen, money });
    if (other === undefined) {
      for (const { name } of readable) unrepairable.add(name);
      continue;
    }
    chosen.push(other);
    const holder = stored.holders.find(({ account }) => account.operator === other.operator);
    providers.push({
      operator: other.operator,
      instead: operator,
      price: String(other.price ?? 0n),
      copies: Object.fromEntries(readable.map((item) => [item.name, pieceOf(item)])),
      kept: holder === undefined ? [] : keptPieces(holder, []),
    });
  }
  const names = [...unrepairable].toSorted();
  if (providers.length === 0) return { work: undefined, unrepairable: names };
  const moved = stored.catalogue.items.filter(({ name }) => providers.some(({ copies }) => name in copies));
  const replaced = new Set(providers.map(({ instead }) => instead?.toLowerCase()));
  const leaving = bad
    .filter(({ operator, holder }) => holder !== undefined && replaced.has(operator.toLowerCase()))
    .map(({ operator }) => operator);
  const added = providers.filter(({ operator }) =>
    stored.holders.every(({ account }) => account.operator !== operator),
  );
  const ceiling = Math.max(money.ceiling, stored.page.state.listed + added.length);
  const work: StoreWork = {
    kind: "repair",
    items: moved.map(({ copies, ...item }) => ({
      ...item,
      kept: copies.filter(({ provider }) => !replaced.has(provider.toLowerCase())),
    })),
    removed: [],
    leaving,
    base: new TextDecoder().decode(encodeCatalogue(stored.catalogue)),
    lists: listsOf(stored),
    ...money,
    ...(await moneyFor(session, stored, { providers, moved, chosen, ceiling })),
    ceiling,
    providers,
    lost: [],
  };
  return { work, unrepairable: names };
}

/** A public copy is the same piece everywhere; a private one gets a key of its own. */
function pieceOf({ isPublic, copies }: CatalogueItem): SentPiece {
  const [copy] = copies;
  return isPublic && copy !== undefined ? { made: { root: copy.root, bytes: copy.bytes } } : {};
}

const headBytes = 256;

const sizeOf = ({ isPublic, bytes }: CatalogueItem): number =>
  isPublic ? bytes : headBytes + payloadBytes(bytes);

async function candidatesFor(
  session: WritingSession,
  stored: StoredGroup,
  away: ReadonlySet<string>,
): Promise<Candidate[]> {
  const { provider, line, chainId, registry, lens } = session;
  const { committee, config } = unchangedMoney(stored);
  const records = await recordsIn(provider, { committee, lens });
  const scope = {
    provider,
    line,
    chainId,
    registry,
    head: stored.head,
    token: config.token,
    records,
    always: [],
  };
  const { offering } = await discover(scope);
  return offering
    .map(({ candidate }) => candidate)
    .filter(({ operator }) => !away.has(operator.toLowerCase()));
}

type SuccessorScope = {
  readonly items: readonly CatalogueItem[];
  readonly candidates: readonly Candidate[];
  readonly chosen: readonly Candidate[];
  readonly money: Pick<StoreWork, "config">;
};

/** Who takes the items over: nobody who has a copy of one of them already. */
function successor(stored: StoredGroup, scope: SuccessorScope): Candidate | undefined {
  const { items, candidates, chosen, money } = scope;
  const holding = new Set(
    items.flatMap(({ copies }) => copies.map(({ provider }) => provider.toLowerCase())),
  );
  const kept = candidates.filter(({ operator }) => holding.has(operator.toLowerCase()));
  const free = candidates.filter((one) => !kept.includes(one) && !chosen.includes(one));
  const sizes = items.map(sizeOf);
  const catalogueBytes = encodeCatalogue(stored.catalogue).length + 1024;
  const all = [...kept, ...chosen];
  const [best] = chooseProviders(free, {
    copies: all.length + 1,
    bytes: sizes.reduce((sum, size) => sum + size, catalogueBytes),
    largestPiece: Math.max(...sizes),
    hasPublic: items.some(({ isPublic }) => isPublic),
    lockup: money.config.lockup,
    keeperShareBps: money.config.keeperShareBps,
    kept: all,
  }).chosen;
  return best;
}

type NewCopies = {
  readonly providers: readonly Sending[];
  readonly moved: readonly CatalogueItem[];
  readonly chosen: readonly Candidate[];
  /** Reserved providers, after the repair. */
  readonly ceiling: number;
};

/**
 * What the escrow lacks for the new copies, beside the present data: what R32 requires grows with every block until the copies are
 * stored, and a provider may ask for a runway of all that it stores. The provider that leaves is paid until its notice ends.
 */
async function moneyFor(
  session: WritingSession,
  stored: StoredGroup,
  { providers, moved, chosen, ceiling }: NewCopies,
): Promise<Pick<StoreWork, "depositedThen" | "deposit">> {
  const { page, holders, head } = stored;
  const { escrow, config, state } = page;
  const address = state.service?.committee as string;
  const committee = await new CommitteeView(session.provider, { address, lens: session.lens }).page();
  const least = leastBlocks(committee, config.lockup, chosen);
  const blocks = BigInt(least);
  const catalogueBytes = 64 * 1024;
  const extra = providers.reduce((sum, { operator, price, copies }) => {
    const bytes = moved
      .filter(({ name }) => name in copies)
      .reduce((all, item) => all + sizeOf(item), catalogueBytes);
    const holder = holders.find(({ account }) => account.operator === operator);
    return sum + costOfMore({ operator, price: BigInt(price) }, holder, { bytes: BigInt(bytes), blocks });
  }, 0n);
  const present = { stored, keeperFee: config.keeperFee, ceiling, head };
  const cost = await presentCost(session, present, head + least);
  // R32 counts the largest product since the last settlement, which may be more than the present one.
  const missing = (cost > escrow.required ? cost : escrow.required) + extra - escrow.available;
  const deposit = missing > 0n ? missing : 0n;
  return { depositedThen: String(escrow.deposited + deposit), deposit: String(deposit) };
}
