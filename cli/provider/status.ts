/** `whitepay provider status`: pieces stored, served and proven, and the reason of each challenge that is not whole. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { readJournal, type Journal } from "../../provider/journal.ts";
import { readScrubState, type ScrubState } from "../../provider/scrub-state.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { VolumeLook } from "../../storage/disk/volumes/volume-set.ts";
import type { DataChange, GroupAt, ProviderAccount } from "../../client/group-view.ts";
import { committedAt } from "../../client/proven.ts";
import { groupStatus as readGroup } from "../../client/status.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { recordsOf } from "../keeper-api/records.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import {
  asProviderFailure,
  configOption,
  groupOption,
  withReader,
  type ProviderOptions,
  type ReaderContext,
} from "./context.ts";
import { scrubLines, volumeLine } from "./volumes.ts";
import { outcomesOf, recordKey, sumsOf } from "./challenge-outcomes.ts";
import type { KeeperRecord, Outcome, OutcomeSums } from "./challenge-outcomes.ts";
import { formatShare } from "../console/share.ts";
import { counted } from "../../protocol/counted.ts";

type StatusOptions = ProviderOptions & { readonly slots: number; readonly keeperApi?: string[] };

export function registerStatus(provider: Command): void {
  const command = groupOption(configOption(provider.command("status")))
    .description(
      "show pieces stored, served and proven, and the reason of each challenge that is not whole; the provider may run",
    )
    .option("--slots <n>", "number of past slots", integerOption("--slots", { min: 1, max: 10_000 }), 20)
    .option("--keeper-api <urls...>", "also read the records of these keepers (URLs of their HTTP servers)");
  jsonOption(command).action((options: StatusOptions) =>
    withReader(options, async (context) => {
      const status = await statusOf(context, options);
      if (options.json === true) printJson(status);
      else print(status);
    }),
  );
}

type StoredList = {
  /** Undefined: without a group. */
  readonly group: string | undefined;
  readonly listRoot: string;
  readonly pieces: number;
  readonly bytes: bigint;
};
type Stored = { readonly lists: readonly StoredList[]; readonly faults: readonly string[] };

async function storedIn(store: PieceStore): Promise<Stored> {
  const { toHex } = await import("../../storage/core/bytes.ts");
  const lists: StoredList[] = [];
  const faults = new Set<string>();
  for (const { group, list } of await asProviderFailure(store.currentLists())) {
    lists.push({ group, listRoot: toHex(list.root), pieces: list.pieces.length, bytes: list.totalBytes });
    for (const piece of list.pieces) {
      const fault = await store.faultOf(piece);
      if (fault !== undefined) faults.add(fault);
    }
  }
  return { lists, faults: [...faults] };
}

/** Blocks; undefined: nothing is committed. The payer may withdraw the money for the blocks between the two (R32). */
type Money = { readonly fundedUntil: number | undefined; readonly reservedUntil: number | undefined };

type GroupStatus = {
  readonly group: string;
  /** The committee that serves it now; undefined: none. */
  readonly committee: string | undefined;
  /** The committee that serves it from a block on, in a move. */
  readonly next: { readonly committee: string; readonly from: number } | undefined;
  /** Undefined: not a provider of this group. */
  readonly provider: number | undefined;
  /** Committed at the head. */
  readonly bytes: bigint;
  /** Changes of data and price that lie ahead. */
  readonly ahead: readonly DataChange[];
  /** First block to which nothing is committed any more; undefined: nobody gave notice. */
  readonly leavesAt: number | undefined;
  readonly money: Money;
  /** First and last slot of the report; undefined if no slot is complete yet. */
  readonly slots: { readonly from: number; readonly to: number } | undefined;
  readonly sums: OutcomeSums;
  readonly notWhole: readonly Outcome[];
};
type Status = {
  readonly operator: string;
  readonly registered: boolean;
  readonly multiaddrs: readonly string[];
  readonly stored: Stored;
  readonly volumes: readonly VolumeLook[];
  /** Undefined before the daemon has read the first piece. */
  readonly scrub: ScrubState | undefined;
  readonly totals: Journal["totals"];
  readonly groups: readonly GroupStatus[];
};

async function statusOf(context: ReaderContext, options: StatusOptions): Promise<Status> {
  const { config, provider, operator, groups, at } = context;
  const { openStore } = await import("../../provider/ingest.ts");
  const { totals, entries } = await readJournal(config.dataDir);
  const found = await registeredProvider(registryAt(config.chain.registry, provider), operator);
  const seen: GroupStatus[] = [];
  for (const group of groups) {
    const asked = {
      provider,
      operator,
      group: at(group),
      apis: options.keeperApi ?? [],
      last: options.slots,
    };
    seen.push(await groupStatus(asked, entries));
  }
  const store = await openStore(config);
  return {
    operator,
    registered: found.registeredAt > 0,
    multiaddrs: found.multiaddrs,
    stored: await storedIn(store),
    volumes: await store.volumes.look(),
    scrub: await readScrubState(config.dataDir),
    totals,
    groups: seen,
  };
}

type Asked = {
  readonly provider: JsonRpcProvider;
  readonly operator: string;
  readonly group: GroupAt;
  readonly apis: readonly string[];
  readonly last: number;
};

async function groupStatus(asked: Asked, entries: Journal["entries"]): Promise<GroupStatus> {
  const { provider, operator, group } = asked;
  const status = await readGroup(provider, group);
  const { next } = status.state;
  const account = status.providers.findLast((one) => one.operator.toLowerCase() === operator.toLowerCase());
  const head = status.head.block;
  const common = {
    group: group.address,
    committee: status.state.service?.committee,
    next: next && { committee: next.committee, from: next.from },
    provider: account?.index,
    bytes: account === undefined ? 0n : committedAt(account.data, head),
    ahead: account?.data.filter(({ from }) => from > head) ?? [],
    leavesAt: account?.leavesAt,
    money: { fundedUntil: status.fundedUntil?.block, reservedUntil: status.reservedUntil?.block },
  };
  const outcomes = account === undefined ? undefined : await slotOutcomes(asked, status, account, entries);
  const { slots, all } = outcomes ?? { slots: undefined, all: [] };
  const notWhole = all.filter(({ result }) => result !== "whole");
  return { ...common, slots, sums: sumsOf(all), notWhole };
}

/** Outcomes of the last slots of the committee that serves the group now; undefined without one. */
async function slotOutcomes(
  { group, apis, last }: Asked,
  { committee, head, state }: Awaited<ReturnType<typeof readGroup>>,
  account: ProviderAccount,
  entries: Journal["entries"],
): Promise<{ slots: GroupStatus["slots"]; all: Outcome[] } | undefined> {
  if (committee?.originBlock === undefined || state.service === undefined) return undefined;
  const { originBlock, rhythm } = committee;
  const slotAt = (block: number): number => Math.floor((block - originBlock) / rhythm.slot);
  const to = slotAt(Math.min(head.block + 1, account.leavesAt ?? Number.MAX_SAFE_INTEGER)) - 1;
  const begin = Math.max(account.activeFrom, state.service.from);
  const from = Math.max(slotAt(begin), to - last + 1);
  const records = await recordsOf(apis, group.address, from);
  const known = new Map(
    [...records.entries()].flatMap(([keeper, own]) =>
      own
        .filter((record) => record.provider === account.index)
        .map((record): [string, KeeperRecord] => [recordKey(record.slot, keeper), record]),
    ),
  );
  // The chain has no data from before settledThrough.
  const committed = (slot: number): bigint =>
    committedAt(account.data, Math.max(state.settledThrough, originBlock + slot * rhythm.slot));
  const all = outcomesOf(entries, {
    committee: committee.address.toLowerCase(),
    group: group.address.toLowerCase(),
    from,
    to,
    answer: rhythm.answer,
    keepers: committee.version.operators,
    committed,
    records: known,
  });
  return { slots: to >= from ? { from, to } : undefined, all };
}

function moneyText({ reservedUntil, fundedUntil }: Money): string {
  if (reservedUntil === undefined) return "nothing is committed";
  const funded = fundedUntil === undefined ? "as long as it is committed" : `until block ${fundedUntil}`;
  return `reserved until block ${reservedUntil}, funded ${funded}`;
}

/** Who serves the group now and next, and what changes for this provider. */
function courseLines({ committee, next, ahead, leavesAt }: GroupStatus): string[] {
  const moves = next === undefined ? "" : `; from block ${next.from} on ${next.committee}`;
  const changes = ahead
    .filter(({ bytes }) => bytes > 0n)
    .map(({ from, bytes, price }) => {
      return `  ahead    from block ${from}: ${formatBytes(Number(bytes))}, ${counted(price, "unit")} per 2^64 byte·blocks`;
    });
  const leaves =
    leavesAt === undefined ? [] : [`  leaves   at block ${leavesAt}; its duties last until then`];
  return [`  served   by ${committee ?? "no committee"}${moves}`, ...changes, ...leaves];
}

function print(status: Status): void {
  const { operator, registered, multiaddrs, stored, volumes, scrub, totals, groups } = status;
  printLine(
    `provider   ${operator}, ${registered ? `registered at ${multiaddrs.join(", ")}` : "not registered: whitepay provider register"}`,
  );
  if (stored.lists.length === 0) printLine("stored     nothing");
  for (const { group, listRoot, pieces, bytes } of stored.lists) {
    const whose = group === undefined ? "without a group" : `of group ${group}`;
    printLine(
      `stored     ${counted(pieces, "piece")}, ${formatBytes(Number(bytes))}, list ${listRoot}, ${whose}`,
    );
  }
  for (const fault of stored.faults) printLine(`  damaged  ${fault}`);
  for (const look of volumes) printLine(volumeLine(look));
  for (const line of scrubLines(scrub)) printLine(line);
  printLine(
    `proven     ${formatShare(BigInt(totals.bytesProven), BigInt(totals.bytesCommitted))} of the bytes; ${counted(totals.answered, "challenge")} answered: ${totals.whole} whole, ${totals.answered - totals.whole} partial; ${totals.repeated} repeated, ${totals.refused} refused`,
  );
  printLine(`served     ${formatBytes(totals.servedBytes)} to payers in ${counted(totals.served, "range")}`);
  for (const one of groups) {
    const { group, provider, bytes, money, slots, sums, notWhole } = one;
    if (provider === undefined) {
      printLine(`group      ${group}: not a provider; send the payer a consent: whitepay provider consent`);
      continue;
    }
    const range = slots === undefined ? "no slot is complete yet" : `slots ${slots.from} to ${slots.to}`;
    printLine(`group      ${group}: provider ${provider}, ${formatBytes(Number(bytes))} committed; ${range}`);
    for (const line of courseLines(one)) printLine(line);
    printLine(`  money    ${moneyText(money)}`);
    const { challenges, whole, partial, failed, notAsked, unknown, bytesProven, bytesCommitted } = sums;
    printLine(
      `  proven   ${formatShare(bytesProven, bytesCommitted)} of the bytes; ${counted(challenges, "challenge")}: ${whole} whole, ${partial} partial, ${failed} failed; ${notAsked} not asked, ${unknown} unknown`,
    );
    for (const { slot, keeper, result, reason } of notWhole)
      printLine(`  slot ${slot}, keeper ${keeper}: ${result === "notAsked" ? "" : `${result}: `}${reason}`);
  }
}
