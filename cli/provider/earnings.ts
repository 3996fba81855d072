/** `whitepay provider earnings|withdraw`: shows and withdraws the provider's money in its groups. */
import type { Command } from "commander";
import { providerEarnings, type Earnings } from "../../client/earnings.ts";
import { GroupView } from "../../client/group-view.ts";
import { formatAmount } from "../../client/units.ts";
import {
  failedWithdrawals,
  planProviderWithdrawals,
  providerBalances,
  type FailedWithdrawal,
  type ProviderBalance,
} from "../../client/withdrawals.ts";
import { openGroup } from "../../client/status.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import {
  configOption,
  groupOption,
  lensOf,
  namedGroups,
  withProvider,
  withReader,
  type ProviderContext,
  type ProviderOptions,
  type ReaderContext,
} from "./context.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";

type EarningsOptions = ProviderOptions & { readonly last: number };

export function registerEarnings(provider: Command): void {
  const earnings = groupOption(configOption(provider.command("earnings")))
    .description("show credited, owed and expected money in every group, with the last settlements")
    .option("--last <n>", "number of settlements", integerOption("--last", { min: 0, max: 1_000 }), 5);
  jsonOption(earnings).action((options: EarningsOptions) =>
    withReader(options, async (context) => {
      const all = await earningsOf(context, options.last);
      if (options.json === true) return printJson({ operator: context.operator, groups: all });
      for (const one of all) print(one);
    }),
  );
  const withdraw = groupOption(configOption(provider.command("withdraw"))).description(
    "withdraw the credit of all groups to the provider's payee, in one transaction for up to 100 groups",
  );
  jsonOption(moneyOptions(withdraw)).action((options: ProviderOptions) =>
    withProvider(options, (context) => withdrawAll(context, options)),
  );
}

/** A provider that left and came back has more than one index. */
async function ownIndices({ provider, operator, at }: ReaderContext, group: string): Promise<number[]> {
  const accounts = await (await openGroup(provider, at(group))).providers();
  return accounts
    .filter((account) => account.operator.toLowerCase() === operator.toLowerCase())
    .map(({ index }) => index);
}

type GroupEarnings = { readonly group: string } & Earnings;

async function earningsOf(context: ReaderContext, last: number): Promise<GroupEarnings[]> {
  const { provider, operator, at } = context;
  const all: GroupEarnings[] = [];
  for (const group of namedGroups(context)) {
    const indices = await ownIndices(context, group);
    if (indices.length === 0) say(`${operator} is no provider of group ${group}; the payer must add it`);
    for (const index of indices) {
      const earnings = await providerEarnings(provider, at(group), { index, last });
      if (earnings !== undefined) all.push({ group, ...earnings });
    }
  }
  return all;
}

function print({ group, token, account, settlements, running, runningMost }: GroupEarnings): void {
  const amount = (units: bigint): string => formatAmount(units, token);
  const { index, credit, arrears, payee } = account;
  printLine(`group      ${group}, provider ${index}, payee ${payee}`);
  printLine(`credited   ${amount(credit)} withdrawable`);
  printLine(`owed       ${amount(arrears)} in arrears`);
  printLine(
    `running    ${amount(running)} at the rate of the last settlement, ${amount(runningMost)} if all bytes are proven; before the keepers' share`,
  );
  for (const { from, through, spaceTime, amount: paid, arrearsPaid } of settlements) {
    const note = arrearsPaid > 0n ? `, and ${amount(arrearsPaid)} of arrears` : "";
    printLine(
      `settled    blocks ${from} to ${through - 1}: ${spaceTime} byte·blocks, ${amount(paid)}${note}`,
    );
  }
}

/** Balances by the factory of their groups: one call serves the groups of one factory. */
async function byFactory(
  { provider, at }: ReaderContext,
  balances: readonly ProviderBalance[],
): Promise<Map<string, ProviderBalance[]>> {
  const found = new Map<string, ProviderBalance[]>();
  for (const balance of balances) {
    const [factory] = await new GroupView(provider, at(balance.group)).read("factory");
    found.set(String(factory), [...(found.get(String(factory)) ?? []), balance]);
  }
  return found;
}

async function withdrawAll(context: ProviderContext, options: ProviderOptions): Promise<void> {
  const { config, provider, signer, operator } = context;
  const groups = namedGroups(context);
  const lens = lensOf(config);
  const balances = await providerBalances(provider, { lens, groups, operator });
  const transactions: TransactionReport[] = [];
  const failed: FailedWithdrawal[] = [];
  for (const [factory, own] of await byFactory(context, balances)) {
    for (const plan of await planProviderWithdrawals(signer, { factory, lens }, own)) {
      const report = await transact(plan, signer, options);
      transactions.push(report);
      const receipt = report.hash === undefined ? null : await provider.getTransactionReceipt(report.hash);
      if (receipt !== null) failed.push(...failedWithdrawals(receipt));
    }
  }
  for (const { group, reason } of failed) say(`group ${group} refused the withdrawal: ${reason}`);
  if (options.json === true) printJson({ operator: signer.address, transactions, failed });
  if (balances.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: "nothing is credited yet",
    hint: "whitepay provider earnings shows the expected money",
  });
}
