/** `whitepay group watch`: prints the events of a group as they occur. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import type { GroupAt } from "../../client/group-view.ts";
import { groupSettlement, providerPart } from "../../client/settlements.ts";
import { groupStatus, openGroup, type GroupStatus } from "../../client/status.ts";
import { formatAmount, formatDuration, type Token } from "../../client/units.ts";
import { watchGroup, type GroupEvent, type GroupNews } from "../../client/watch.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { groupAt, payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
import { counted } from "../../protocol/counted.ts";

type WatchOptions = PayerOptions & {
  readonly from?: number;
  readonly blocks?: number;
  readonly settlements?: number;
  readonly pollMs: number;
};

export function registerWatch(group: Command): void {
  const command = group
    .command("watch")
    .description("print events as they occur, until Ctrl-C; with --json one document per line")
    .option("--from <block>", "first block (default: the next one)", integerOption("--from"))
    .option("--blocks <n>", "stop after this many blocks", integerOption("--blocks", { min: 1 }))
    .option(
      "--settlements <n>",
      "stop after this many settlements",
      integerOption("--settlements", { min: 1 }),
    )
    .option(
      "--poll-ms <ms>",
      "polling interval",
      integerOption("--poll-ms", { min: 20, max: 600_000 }),
      1_000,
    );
  payerOptions(jsonOption(command)).action((options: WatchOptions) =>
    withChain(options, (provider, payer) => watch(provider, groupAt(payer), options)),
  );
}

/** Names of event parameters that are amounts. */
const amounts = new Set(["amount", "due", "available", "arrears", "share"]);

function text(value: unknown): string {
  return Array.isArray(value) ? value.map(text).join(" ") : String(value);
}

/** Packed words of an event in text. */
function unpacked(name: string, args: GroupEvent["args"], token: Token): string | undefined {
  const partsOf = (words: unknown): string => {
    const parts = (words as bigint[])
      .map(providerPart)
      .map(({ provider, amount }) => `provider ${provider} ${formatAmount(amount, token)}`);
    return parts.length === 0 ? "no provider" : parts.join(", ");
  };
  if (name === "Credited")
    return `blocks ${text(args["from"])} to ${Number(args["through"]) - 1}, ${partsOf(args["parts"])}`;
  if (name !== "Settled") return undefined;
  const words = args as { interval: bigint; keepers: bigint; providers: bigint[] };
  const { from, through, version, cut, fee } = groupSettlement("", words);
  return `blocks ${from} to ${through - 1}, version ${version}, keepers ${formatAmount(cut + fee, token)}, ${partsOf(words.providers)}`;
}

function eventLine({ name, block, args }: GroupEvent, token: Token): string {
  const words = unpacked(name, args, token);
  if (words !== undefined) return `block ${block}  ${name}  ${words}`;
  const parts = Object.entries(args).map(([key, value]) =>
    amounts.has(key) && typeof value === "bigint"
      ? `${key} ${formatAmount(value, token)}`
      : `${key} ${text(value)}`,
  );
  return `block ${block}  ${name}  ${parts.join(", ")}`;
}

async function watch(provider: JsonRpcProvider, group: GroupAt, options: WatchOptions): Promise<void> {
  await openGroup(provider, group);
  const first = await groupStatus(provider, group);
  const stop = new AbortController();
  const { from } = options;
  const news = watchGroup(provider, group.address, {
    polling_ms: options.pollMs,
    signal: stop.signal,
    ...(from === undefined ? {} : { from }),
  });
  let settlements = 0;
  for await (const one of news) {
    await show(provider, { group, news: one, token: first.token, json: options.json === true });
    settlements += one.events.filter(({ name }) => name === "Settled").length;
    const seen = one.head - first.head.block;
    if (options.blocks !== undefined && seen >= options.blocks) stop.abort();
    if (options.settlements !== undefined && settlements >= options.settlements) stop.abort();
  }
}

type Shown = {
  readonly group: GroupAt;
  readonly news: GroupNews;
  readonly token: Token;
  readonly json: boolean;
};

async function show(provider: JsonRpcProvider, { group, news, token, json }: Shown): Promise<void> {
  if (json) return printJson(news);
  clearLine();
  if (news.reorgFrom !== undefined) {
    printLine(
      `block ${news.reorgFrom}  the chain was reorganised: events printed for this and later blocks are void`,
    );
  }
  for (const event of news.events) printLine(eventLine(event, token));
  if (!process.stderr.isTTY) return;
  const status = await groupStatus(provider, group);
  const { head, fundedUntil } = status;
  const settles = dueText(status);
  const funded =
    fundedUntil === undefined ? "" : `, funded for ${formatDuration(fundedUntil.time_s - head.time_s)}`;
  process.stderr.write(`block ${head.block}: ${settles}${funded} `);
}

function dueText({ committee, state, overdue, head }: GroupStatus): string {
  if (committee === undefined) return "no committee";
  if (overdue > 0) return `settlement overdue by ${counted(overdue, "block")}`;
  const due = state.settledThrough + committee.rhythm.interval - head.block;
  return `settlement in ${counted(Math.max(0, due), "block")}`;
}

/** Clears the status line at a terminal before a permanent line. */
function clearLine(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}
