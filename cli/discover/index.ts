/** `whitepay providers` and `whitepay keepers`: who is registered, and what the chain says of them; no key. */
import type { Command } from "commander";
import {
  keeperRecords,
  providerRecords,
  type KeeperRecord,
  type ProviderRecord,
} from "../../client/records.ts";
import { roughAmount } from "../../client/units.ts";
import { counted } from "../../protocol/counted.ts";
import { payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { columns } from "../console/columns.ts";
import { addressOption, choiceOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { formatShare } from "../console/share.ts";
import { byPrice, priced, type PricedList } from "./prices.ts";

const keeperOrders = ["record", "registered"] as const;
const providerOrders = ["record", "price", "registered"] as const;
type Order = (typeof providerOrders)[number];
type ListOptions = PayerOptions & { readonly by: Order };
type ProviderListOptions = ListOptions & { readonly token?: string };

function listOptions(command: Command, orders: readonly Order[]): Command {
  command.option("--by <order>", orders.join(" | "), choiceOption("--by", orders), "record");
  return payerOptions(jsonOption(command));
}

const ago = (block: number | undefined, head: number): string =>
  block === undefined ? "never" : `${counted(head - block, "block")} ago`;

/** A share as a number, for sorting; nothing proven yet counts as 0. */
const ratio = (part: bigint, whole: bigint): number =>
  whole === 0n ? 0 : Number((part * 1_000_000n) / whole);

/** The better record first: the share proven, then the bytes, then the longer time. */
export function byProviderRecord(a: ProviderRecord, b: ProviderRecord): number {
  const share = ratio(b.provenBytes, b.settledBytes) - ratio(a.provenBytes, a.settledBytes);
  return share || Number(b.bytes - a.bytes) || a.registeredAt - b.registeredAt;
}

/** The share of its turns that a keeper led, then the share of certificates that it signed, then the number of both. */
export function byKeeperRecord(a: KeeperRecord, b: KeeperRecord): number {
  const led = ({ turnsLed, turnsFailed }: KeeperRecord): number =>
    ratio(BigInt(turnsLed), BigInt(turnsLed + turnsFailed));
  const signed = ({ signed: some, certificates }: KeeperRecord): number =>
    ratio(BigInt(some), BigInt(certificates));
  return led(b) - led(a) || signed(b) - signed(a) || b.signed - a.signed || a.registeredAt - b.registeredAt;
}

function providerTable({ token, providers }: PricedList, head: number): string {
  const rows = providers.map((one) => [
    one.operator,
    one.perMonth === undefined || token === undefined ? "–" : roughAmount(one.perMonth, token),
    ago(one.registeredAt, head),
    String(one.groups),
    formatBytes(Number(one.bytes)),
    formatShare(one.provenBytes, one.settledBytes),
    String(one.settlements),
    ago(one.lastSeen, head),
  ]);
  const names = [
    "provider",
    "TiB and month",
    "registered",
    "groups",
    "bytes",
    "proven",
    "payments",
    "last paid",
  ];
  return columns([names, ...rows]);
}

export function registerProviders(program: Command): void {
  const command = program
    .command("providers")
    .description(
      "list the registered providers: how long, how many bytes, the share proven, last paid, from the chain; and the price that each offers",
    )
    .option(
      "--token <address>",
      "token of the prices (default: the one that most offers name)",
      addressOption("--token"),
    );
  listOptions(command, providerOrders).action((options: ProviderListOptions) =>
    withChain(options, async (provider, payer) => {
      const contracts = await contractsOf(provider, payer);
      const records = await providerRecords(provider, contracts);
      if (options.by !== "registered") records.sort(byProviderRecord);
      const listed = await priced(provider, { records, registry: contracts.registry, only: options.token });
      if (options.by === "price") listed.providers.sort(byPrice);
      if (options.json === true) return printJson(listed);
      if (records.length === 0) return printLine("no provider");
      printLine(providerTable(listed, await provider.getBlockNumber()));
    }),
  );
}

export function registerKeepers(program: Command): void {
  const command = program
    .command("keepers")
    .description(
      "list the registered keepers: how long, in how many committees, the share of turns led, last signed; from the chain alone",
    );
  listOptions(command, keeperOrders).action((options: ListOptions) =>
    withChain(options, async (provider, payer) => {
      const keepers = await keeperRecords(provider, await contractsOf(provider, payer));
      if (options.by === "record") keepers.sort(byKeeperRecord);
      if (options.json === true) return printJson({ keepers });
      if (keepers.length === 0) return printLine("no keeper");
      const head = await provider.getBlockNumber();
      const rows = keepers.map((one) => [
        one.operator,
        ago(one.registeredAt, head),
        String(one.committees),
        formatShare(BigInt(one.turnsLed), BigInt(one.turnsLed + one.turnsFailed)),
        formatShare(BigInt(one.signed), BigInt(one.certificates)),
        ago(one.lastSeen, head),
      ]);
      printLine(
        columns([["keeper", "registered", "committees", "turns led", "signed", "last signed"], ...rows]),
      );
    }),
  );
}
