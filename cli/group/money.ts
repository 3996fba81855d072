/** `whitepay group fund|withdraw`: deposits into the escrow, and withdraws what is not reserved. */
import type { Command } from "commander";
import { GroupView } from "../../client/group-view.ts";
import { planFund, planWithdraw } from "../../client/plans.ts";
import { readToken } from "../../client/token.ts";
import { parseAmount } from "../../client/units.ts";
import { printJson, say } from "../console/output.ts";
import { groupOf, payerOptions, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";
import { jsonOption } from "../console/options.ts";

export function registerMoney(group: Command): void {
  const fundCommand = group
    .command("fund")
    .description("deposit into the escrow; any account may")
    .argument("<amount>", "whole tokens, for example 12.5")
    .option("--permit", "sign a permit (EIP-2612) instead of an approval: one transaction");
  payerOptions(jsonOption(moneyOptions(fundCommand))).action(fund);
  const withdrawCommand = group
    .command("withdraw")
    .description("withdraw money that is neither credited, in arrears nor reserved")
    .argument("<amount>", 'whole tokens, for example 12.5, or "all"');
  payerOptions(jsonOption(moneyOptions(withdrawCommand))).action(withdraw);
}

type FundOptions = PayerOptions & { readonly permit?: boolean };

function fund(amount: string, options: FundOptions): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const token = await readToken(provider, (await new GroupView(provider, group).parameters()).token);
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
    if (options.json === true) printJson({ group, amount: units, transactions });
  });
}

function withdraw(amount: string, options: PayerOptions): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const token = await readToken(provider, (await new GroupView(provider, group).parameters()).token);
    const units = amount === "all" ? amount : parseAmount(amount, token);
    const signer = await payerSigner(provider, payer);
    const report = await transact(await planWithdraw(signer, group, units), signer, options);
    if (options.json === true) printJson({ group, transactions: [report] });
  });
}
