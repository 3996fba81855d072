/** `whitepay group fund|withdraw|rescue`: deposits into the escrow, withdraws what is not required, takes out other tokens. */
import type { Command } from "commander";
import { planFund, planRescue, planWithdraw, tokenOfGroup } from "../../client/money-plans.ts";
import { parseAmount } from "../../client/units.ts";
import { printJson, say } from "../console/output.ts";
import { groupOf, payerOptions, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { sendOne, spendingOptions } from "./one-transaction.ts";

export function registerMoney(group: Command): void {
  const fundCommand = group
    .command("fund")
    .description("deposit into the escrow; any account may")
    .argument("<amount>", "whole tokens, for example 12.5")
    .option("--permit", "sign a permit (EIP-2612) instead of an approval: one transaction");
  payerOptions(jsonOption(moneyOptions(fundCommand))).action(fund);
  const withdrawCommand = group
    .command("withdraw")
    .description("withdraw money that is neither credited nor required")
    .argument("<amount>", 'whole tokens, for example 12.5, or "all"')
    .option("--to <address>", "receiver (default: the payer)", addressOption("--to"));
  payerOptions(jsonOption(moneyOptions(withdrawCommand))).action(withdraw);
  const rescue = group
    .command("rescue")
    .description("take out a token, or coin, that the group does not pay in")
    .argument("<token>", "address of the token; zero: the chain's coin", addressOption("<token>"))
    .option("--to <address>", "receiver (default: the payer)", addressOption("--to"));
  spendingOptions(rescue).action((token: string, options: ReceiverOptions) =>
    sendOne(options, (signer, at) => planRescue(signer, at, { token, ...receiver(options) })),
  );
}

type ReceiverOptions = PayerOptions & { readonly to?: string };

const receiver = ({ to }: ReceiverOptions): { readonly to?: string } => (to === undefined ? {} : { to });

type FundOptions = PayerOptions & { readonly permit?: boolean };

function fund(amount: string, options: FundOptions): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const token = await tokenOfGroup(provider, group);
    const units = parseAmount(amount, token);
    const signer = await payerSigner(provider, payer);
    const transactions: TransactionReport[] = [];
    for (const plan of await planFund(signer, group, units, { permit: options.permit === true })) {
      const report = await transact(plan, signer, options);
      transactions.push(report);
      if (!report.sent && plan.method === "approve") {
        say("the deposit can be simulated after the approval is on chain");
        break;
      }
    }
    if (options.json === true) printJson({ group: group.address, amount: units, transactions });
  });
}

function withdraw(amount: string, options: ReceiverOptions): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const token = await tokenOfGroup(provider, group);
    const units = amount === "all" ? amount : parseAmount(amount, token);
    const signer = await payerSigner(provider, payer);
    const plan = await planWithdraw(signer, group, { amount: units, ...receiver(options) });
    const report = await transact(plan, signer, options);
    if (options.json === true) printJson({ group: group.address, transactions: [report] });
  });
}
