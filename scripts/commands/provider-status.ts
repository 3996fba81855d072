/** `whitepay provider status`: what is stored, served and proven, and why each challenge that was not whole was not. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { z } from "zod";
import { readJournal, type Journal } from "../../provider-sim/journal.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import { GroupView } from "../client/group-view.ts";
import { registeredProvider, registryAt } from "../client/registry.ts";
import { checkInput } from "../lib/json-input.ts";
import { integerOption } from "../lib/options.ts";
import { printJson, printLine, say } from "../lib/output.ts";
import { formatBytes } from "../lib/progress.ts";
import {
  asProviderFailure,
  configOption,
  groupOption,
  withProvider,
  type ProviderContext,
  type ProviderOptions,
} from "../lib/provider-context.ts";
import { outcomesOf, recordKey, sumsOf } from "../lib/provider-report.ts";
import type { KeeperRecord, Outcome, OutcomeSums } from "../lib/provider-report.ts";
import { formatShare } from "../lib/share.ts";
import { jsonOption } from "../lib/transact.ts";

type StatusOptions = ProviderOptions & { readonly slots: number; readonly keeperApi?: string[] };

export function registerStatus(provider: Command): void {
  const command = groupOption(configOption(provider.command("status")))
    .description(
      "pieces in, served and proven, and the reason for each challenge that was not whole; beside a running provider too",
    )
    .option(
      "--slots <n>",
      "how many slots to look back",
      integerOption("--slots", { min: 1, max: 10_000 }),
      20,
    )
    .option("--keeper-api <urls...>", "also ask these keepers what they have recorded, and why");
  jsonOption(command).action((options: StatusOptions) =>
    withProvider(options, async (context) => {
      const status = await statusOf(context, options);
      if (options.json === true) printJson(status);
      else print(status);
    }),
  );
}

type Stored = {
  readonly listRoot: string | undefined;
  readonly pieces: number;
  readonly bytes: bigint;
  readonly faults: readonly string[];
};

async function storedIn(store: PieceStore): Promise<Stored> {
  const { toHex } = await import("../../storage/core/bytes.ts");
  const list = await asProviderFailure(store.currentList());
  const faults: string[] = [];
  for (const piece of list?.pieces ?? []) {
    const fault = await store.faultOf(piece);
    if (fault !== undefined) faults.push(fault);
  }
  const listRoot = list === undefined ? undefined : toHex(list.root);
  return { listRoot, pieces: list?.pieces.length ?? 0, bytes: list?.totalBytes ?? 0n, faults };
}

type GroupStatus = {
  readonly group: string;
  /** Undefined: not a provider of this group. */
  readonly provider: number | undefined;
  readonly bytes: bigint;
  /** First and last slot looked at; undefined if none is complete yet. */
  readonly slots: { readonly from: number; readonly to: number } | undefined;
  readonly sums: OutcomeSums;
  readonly notWhole: readonly Outcome[];
};
type Status = {
  readonly operator: string;
  readonly registered: boolean;
  readonly multiaddrs: readonly string[];
  readonly stored: Stored;
  readonly totals: Journal["totals"];
  readonly groups: readonly GroupStatus[];
};

async function statusOf(context: ProviderContext, options: StatusOptions): Promise<Status> {
  const { config, provider, signer, groups } = context;
  const { openStore } = await import("../../provider-sim/main.ts");
  const { totals, entries } = await readJournal(config.dataDir);
  const found = await registeredProvider(registryAt(config.chain.registry, provider), signer.address);
  const seen: GroupStatus[] = [];
  for (const group of groups) {
    const asked = {
      provider,
      operator: signer.address,
      group,
      apis: options.keeperApi ?? [],
      last: options.slots,
    };
    seen.push(await groupStatus(asked, entries));
  }
  return {
    operator: signer.address,
    registered: found.registeredAt > 0,
    multiaddrs: found.multiaddrs,
    stored: await storedIn(await openStore(config)),
    totals,
    groups: seen,
  };
}

type Asked = {
  readonly provider: JsonRpcProvider;
  readonly operator: string;
  readonly group: string;
  readonly apis: readonly string[];
  readonly last: number;
};

async function groupStatus(asked: Asked, entries: Journal["entries"]): Promise<GroupStatus> {
  const { provider, operator, group, apis, last } = asked;
  const view = new GroupView(provider, group);
  const [parameters, committee, accounts, head] = await Promise.all([
    view.parameters(),
    view.committee(),
    view.providers(),
    provider.getBlockNumber(),
  ]);
  const account = accounts.findLast((one) => one.operator.toLowerCase() === operator.toLowerCase());
  if (account === undefined) {
    return { group, provider: undefined, bytes: 0n, slots: undefined, sums: sumsOf([]), notWhole: [] };
  }
  const slotAt = (block: number): number => Math.floor((block - parameters.originBlock) / parameters.slot);
  const until = account.removedAt > 0 ? Math.min(head + 1, account.removedAt) : head + 1;
  const to = slotAt(until) - 1;
  const from = Math.max(slotAt(account.activeFrom), to - last + 1);
  const records = await recordsOf(apis, group, from);
  const known = new Map(
    [...records.entries()].flatMap(([keeper, own]) =>
      own
        .filter((record) => record.provider === account.index)
        .map((record): [string, KeeperRecord] => [recordKey(record.slot, keeper), record]),
    ),
  );
  const { answer, originBlock, slot: length } = parameters;
  const history = await view.dataHistory(account.index);
  const committed = (slot: number): bigint =>
    history.findLast(({ fromBlock }) => fromBlock <= originBlock + slot * length)?.bytes ?? 0n;
  const outcomes = outcomesOf(entries, {
    group: group.toLowerCase(),
    from,
    to,
    answer,
    keepers: committee.operators,
    committed,
    records: known,
  });
  const slots = to >= from ? { from, to } : undefined;
  const notWhole = outcomes.filter(({ result }) => result !== "whole");
  return { group, provider: account.index, bytes: account.bytesNow, slots, sums: sumsOf(outcomes), notWhole };
}

/** What the API of a keeper says, as far as it is used here. */
const statusDocument = z.object({ operator: z.string() });
const challengesDocument = z.object({
  items: z.array(
    z.object({
      provider: z.int(),
      slot: z.int(),
      outcome: z.string(),
      reason: z.string().nullable(),
      bytes: z.string().regex(/^\d{1,40}$/),
    }),
  ),
  /** Slot before which the next page begins; null at the end. */
  next: z.int().nullable(),
});
type Records = ReadonlyMap<
  string,
  readonly (KeeperRecord & { readonly provider: number; readonly slot: number })[]
>;

const apiTimeout_ms = 5_000;
const apiLimit = 200;
/** More than any history that a person looks at, and an end to a keeper that never ends. */
const apiPages = 100;

async function fetched<T>(url: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(apiTimeout_ms) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return checkInput(url, schema, await response.json());
}

type Item = z.output<typeof challengesDocument>["items"][number];

/** What a keeper has recorded from a slot on. */
async function challengesFrom(base: string, group: string, from: number): Promise<Item[]> {
  const items: Item[] = [];
  let before: number | null | undefined;
  for (let page = 0; page < apiPages; page++) {
    const cursor = before === undefined ? "" : `&before=${before}`;
    const url = `${base}/v1/groups/${group}/challenges?limit=${apiLimit}${cursor}`;
    const found = await fetched(url, challengesDocument);
    items.push(...found.items);
    before = found.next;
    if (before === null || before <= from) break;
  }
  return items;
}

/** Records by the operator of the keeper that has them. A keeper that does not answer is said and left out. */
async function recordsOf(apis: readonly string[], group: string, from: number): Promise<Records> {
  const records = new Map<string, Records extends ReadonlyMap<string, infer V> ? V : never>();
  for (const api of apis) {
    const base = api.replace(/\/$/, "");
    try {
      const { operator } = await fetched(`${base}/v1/status`, statusDocument);
      const items = await challengesFrom(base, group, from);
      records.set(
        operator.toLowerCase(),
        items.map(({ reason, bytes, ...rest }) => ({
          ...rest,
          reason: reason ?? undefined,
          bytes: BigInt(bytes),
        })),
      );
    } catch (error) {
      say(`keeper at ${base}: ${(error as Error).message}`);
    }
  }
  return records;
}

function print({ operator, registered, multiaddrs, stored, totals, groups }: Status): void {
  printLine(
    `provider   ${operator}, ${registered ? `registered at ${multiaddrs.join(", ")}` : "not registered: whitepay provider register"}`,
  );
  printLine(
    `stored     ${stored.pieces} pieces, ${formatBytes(Number(stored.bytes))}${stored.listRoot === undefined ? "" : `, list ${stored.listRoot}`}`,
  );
  for (const fault of stored.faults) printLine(`  damaged  ${fault}`);
  printLine(
    `proven     ${formatShare(BigInt(totals.bytesProven), BigInt(totals.bytesCommitted))} of the bytes; ${totals.answered} challenges answered: ${totals.whole} whole, ${totals.answered - totals.whole} partial; ${totals.repeated} asked again, ${totals.refused} refused`,
  );
  printLine(`served     ${formatBytes(totals.servedBytes)} to payers in ${totals.served} ranges`);
  for (const { group, provider, bytes, slots, sums, notWhole } of groups) {
    if (provider === undefined) {
      printLine(`group      ${group}: not a provider; its payer needs: whitepay provider consent`);
      continue;
    }
    const range = slots === undefined ? "no slot is complete yet" : `slots ${slots.from} to ${slots.to}`;
    printLine(`group      ${group}: provider ${provider}, ${formatBytes(Number(bytes))} committed; ${range}`);
    const { challenges, whole, partial, failed, unknown, bytesProven, bytesCommitted } = sums;
    printLine(
      `  proven   ${formatShare(bytesProven, bytesCommitted)} of the bytes; ${challenges} challenges: ${whole} whole, ${partial} partial, ${failed} failed, ${unknown} unknown`,
    );
    for (const { slot, keeper, result, reason } of notWhole)
      printLine(`  slot ${slot}, keeper ${keeper}: ${result}: ${reason}`);
  }
}
