/** `whitepay providers` and `whitepay keepers`: who is registered, and what the chain says of them; no key. */
import type { Command } from "commander";
import {
  keeperRecords,
  providerRecords,
  type KeeperRecord,
  type ProviderRecord,
} from "../../client/records.ts";
import { counted } from "../../protocol/counted.ts";
import { payerOptions, withChain, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { columns } from "../console/columns.ts";
import { choiceOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { formatShare } from "../console/share.ts";

const orders = ["record", "registered"] as const;
type Order = (typeof orders)[number];
type ListOptions = PayerOptions & { readonly sort: Order };

function listOptions(command: Command): Command {
  command.option("--sort <order>", orders.join(" | "), choiceOption("--sort", orders), "record");
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

export function registerProviders(program: Command): void {
  const command = program
    .command("providers")
    .description(
      "list the registered providers: how long, how many bytes, the share proven, last paid; from the chain alone",
    );
  listOptions(command).action((options: ListOptions) =>
    withChain(options, async (provider, payer) => {
      const providers = await providerRecords(provider, await contractsOf(provider, payer));
      if (options.sort === "record") providers.sort(byProviderRecord);
      if (options.json === true) return printJson({ providers });
      if (providers.length === 0) return printLine("no provider");
      const head = await provider.getBlockNumber();
      const rows = providers.map((one) => [
        one.operator,
        ago(one.registeredAt, head),
        String(one.groups),
        formatBytes(Number(one.bytes)),
        formatShare(one.provenBytes, one.settledBytes),
        String(one.settlements),
        ago(one.lastSeen, head),
      ]);
      printLine(
        columns([["provider", "registered", "groups", "bytes", "proven", "payments", "last paid"], ...rows]),
      );
    }),
  );
}

export function registerKeepers(program: Command): void {
  const command = program
    .command("keepers")
    .description(
      "list the registered keepers: how long, in how many committees, the share of turns led, last signed; from the chain alone",
    );
  listOptions(command).action((options: ListOptions) =>
    withChain(options, async (provider, payer) => {
      const keepers = await keeperRecords(provider, await contractsOf(provider, payer));
      if (options.sort === "record") keepers.sort(byKeeperRecord);
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
