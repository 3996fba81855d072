/** Commands that send one transaction to the configured group. */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import type { GroupAt } from "../../client/group-view.ts";
import { providerIndex } from "../../client/provider-plans.ts";
import { groupOf, payerOptions, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import { moneyOptions, transact, type TransactionPlan } from "../chain/transact.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";

export function spendingOptions(command: Command): Command {
  return payerOptions(jsonOption(moneyOptions(command)));
}

/** Sends what `plan` returns; prints `next` once the transaction is in a block. */
export function sendOne(
  options: PayerOptions,
  plan: (signer: Wallet, group: GroupAt) => Promise<TransactionPlan> | TransactionPlan,
  next?: string,
): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const group = await groupOf(provider, payer);
    const signer = await payerSigner(provider, payer);
    const report = await transact(await plan(signer, group), signer, options);
    if (report.sent && next !== undefined) say(`next: ${next}`);
    if (options.json === true) printJson({ group: group.address, transactions: [report] });
  });
}

/** Index of a provider that the user names by its index or by its operator. */
export async function indexOfProvider(signer: Wallet, group: GroupAt, named: string): Promise<number> {
  if (/^\d{1,9}$/.test(named)) return Number(named);
  return providerIndex(signer.provider as JsonRpcProvider, group, addressOption("<provider>")(named));
}
