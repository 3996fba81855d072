/** `whitepay provider earnings|withdraw`: shows and withdraws the provider's money in its groups. */
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { providerEarnings, type Earnings } from "../../client/earnings.ts";
import { planProviderWithdraw } from "../../client/plans.ts";
import { openGroup } from "../../client/status.ts";
import { formatAmount } from "../../client/units.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import {
  configOption,
  groupOption,
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
    .description("show credited, withdrawn and expected money in every group, with the last settlements")
    .option("--last <n>", "number of settlements", integerOption("--last", { min: 0, max: 1_000 }), 5);
  jsonOption(earnings).action((options: EarningsOptions) =>
    withReader(options, async (context) => {
      const all = await earningsOf(context, options.last);
      if (options.json === true) return printJson({ operator: context.operator, groups: all });
      for (const one of all) print(one);
    }),
  );
  const withdraw = groupOption(configOption(provider.command("withdraw"))).description(
    "withdraw the credit of every group to the provider's payee",
  );
  jsonOption(moneyOptions(withdraw)).action((options: ProviderOptions) =>
    withProvider(options, (context) => withdrawAll(context, options)),
  );
}

/** A provider that was removed and added again has more than one index. */
async function indicesOf(provider: JsonRpcProvider, group: string, operator: string): Promise<number[]> {
  const accounts = await (await openGroup(provider, group)).providers();
  return accounts
    .filter((account) => account.operator.toLowerCase() === operator.toLowerCase())
    .map(({ index }) => index);
}

type GroupEarnings = { readonly group: string } & Earnings;

async function earningsOf(context: ReaderContext, last: number): Promise<GroupEarnings[]> {
  const { provider, operator } = context;
  const all: GroupEarnings[] = [];
  for (const group of namedGroups(context)) {
    const indices = await indicesOf(provider, group, operator);
    if (indices.length === 0) say(`${operator} is no provider of group ${group}; the payer must add it`);
    for (const index of indices) {
      const earnings = await providerEarnings(provider, group, { index, last });
      if (earnings !== undefined) all.push({ group, ...earnings });
    }
  }
  return all;
}

function print({ group, token, account, outlook, settlements }: GroupEarnings): void {
  const amount = (units: bigint): string => formatAmount(units, token);
  const { index, credited, withdrawn, payee } = account;
  printLine(`group      ${group}, provider ${index}, payee ${payee}`);
  printLine(
    `credited   ${amount(credited)}, ${amount(withdrawn)} of it withdrawn, ${amount(outlook.credit)} withdrawable`,
  );
  printLine(
    `owed       ${amount(outlook.arrears)} in arrears, ${amount(outlook.abandoned)} for abandoned intervals`,
  );
  printLine(
    `running    ${amount(outlook.running)} at the rate of the last settlement, ${amount(outlook.runningMost)} if all bytes are proven`,
  );
  for (const { ts, te, turn, spaceTime, amount: paid, adjusted } of settlements) {
    const note = adjusted ? " (capped, or changed by arrears or an underfunded escrow)" : "";
    printLine(
      `settled    blocks ${ts} to ${te - 1}, turn ${turn}: ${spaceTime} byte·blocks, ${amount(paid)}${note}`,
    );
  }
}

async function withdrawAll(context: ProviderContext, options: ProviderOptions): Promise<void> {
  const { signer } = context;
  const all = await earningsOf(context, 0);
  const due = all.filter(({ outlook }) => outlook.credit + outlook.abandoned > 0n);
  const transactions: TransactionReport[] = [];
  for (const { group, account } of due) {
    transactions.push(
      await transact(await planProviderWithdraw(signer, group, account.index), signer, options),
    );
  }
  if (options.json === true) printJson({ operator: signer.address, transactions });
  if (due.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: "nothing is credited yet",
    hint: "whitepay provider earnings shows the expected money",
  });
}
