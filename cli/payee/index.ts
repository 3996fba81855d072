/** `whitepay payee …`: shows and changes the payee of a keeper, provider or payer, with the payee's key (R3, R31). */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { GroupView } from "../../client/group-view.ts";
import { payeesOf, planAcceptPayee, planNamePayee, type PayeeOf } from "../../client/payees.ts";
import { planProviderWithdraw } from "../../client/plans.ts";
import { planKeeperWithdraw } from "../../client/rights.ts";
import { openGroup } from "../../client/status.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { addressOption, choiceOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import {
  groupOf,
  payeePurse,
  payerOptions,
  payerSigner,
  withChain,
  type Payer,
  type PayerOptions,
} from "../chain/account.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { TransactionPlan, TransactionReport } from "../chain/transact.ts";

const roles = ["keeper", "provider", "payer"] as const;
type Role = (typeof roles)[number];
const earners = ["keeper", "provider"] as const;

const ofWhom = "operator of the keeper or provider; for a payer the address of its group";

export function register(program: Command): void {
  const payee = program
    .command("payee")
    .description("change the address that receives a keeper's, provider's or payer's money");
  const show = payee.command("show").description("show the payee and the pending payee; needs no key");
  partyArguments(show);
  payerOptions(jsonOption(show), payeePurse).action((role: Role, of: string, options: PayerOptions) =>
    inChain(options, async (provider, payer) => {
      const party = await partyOf(provider, payer, role, of);
      const { payee: paid, pendingPayee } = await payeesOf(provider, party);
      if (options.json === true)
        return printJson({ role, of, payee: paid, pendingPayee: pendingPayee ?? null });
      printLine(`payee    ${paid}`);
      printLine(`pending  ${pendingPayee ?? "none"}`);
    }),
  );
  const name = payee
    .command("name")
    .description("name the next payee, with the present payee's key; it receives the money after it accepts");
  partyArguments(name).argument("<next>", "address of the next payee", addressOption("<next>"));
  spending(name).action((role: Role, of: string, next: string, options: PayerOptions) =>
    one(options, { role, of }, (signer, party) => planNamePayee(signer, party, next), {
      next: `with the key of ${next}: whitepay payee accept ${role} ${of}`,
    }),
  );
  const accept = payee
    .command("accept")
    .description("accept the role of payee, with the pending payee's key");
  partyArguments(accept);
  spending(accept).action((role: Role, of: string, options: PayerOptions) =>
    one(options, { role, of }, planAcceptPayee, { next: `whitepay payee show ${role} ${of}` }),
  );
  const withdraw = payee
    .command("withdraw")
    .description("withdraw a keeper's or provider's credit in a group, with the payee's key")
    .argument("<role>", earners.join(" or "), choiceOption("<role>", earners))
    .argument("<of>", "operator of the keeper or provider", addressOption("<of>"));
  spending(withdraw).action((role: (typeof earners)[number], of: string, options: PayerOptions) =>
    inChain(options, (provider, payer) => withdrawFor(provider, payer, { role, of }, options)),
  );
}

function partyArguments(command: Command): Command {
  return command
    .argument("<role>", roles.join(", "), choiceOption("<role>", roles))
    .argument("<of>", ofWhom, addressOption("<of>"));
}

function spending(command: Command): Command {
  return payerOptions(jsonOption(moneyOptions(command)), payeePurse);
}

function inChain<T>(
  options: PayerOptions,
  work: (provider: JsonRpcProvider, payer: Payer) => Promise<T>,
): Promise<T> {
  return withChain(options, work, payeePurse);
}

/** @throws CliError exit 2 if neither a registry nor a group is configured */
async function partyOf(provider: JsonRpcProvider, payer: Payer, role: Role, of: string): Promise<PayeeOf> {
  if (role === "payer") return { role, group: (await openGroup(provider, of)).address };
  const { registry } = payer.config.chain;
  if (registry !== undefined) return { role, registry, operator: of };
  if (payer.config.group === undefined) {
    throw usageError("the registry is unknown", {
      expected: "the address of the registry, or of a group that uses it",
      hint: "give --registry or --group, or set `chain.registry` or `group` in payee.yaml",
    });
  }
  const view = await openGroup(provider, payer.config.group);
  return { role, registry: (await view.parameters()).registry, operator: of };
}

function one(
  options: PayerOptions,
  { role, of }: { readonly role: Role; readonly of: string },
  plan: (signer: Wallet, party: PayeeOf) => Promise<TransactionPlan>,
  { next }: { readonly next: string },
): Promise<void> {
  return inChain(options, async (provider, payer) => {
    const party = await partyOf(provider, payer, role, of);
    const signer = await payerSigner(provider, payer);
    const report = await transact(await plan(signer, party), signer, options);
    if (report.sent) say(`next: ${next}`);
    const { payee, pendingPayee } = await payeesOf(provider, party);
    if (options.json === true) {
      printJson({ role, of, payee, pendingPayee: pendingPayee ?? null, transactions: [report] });
    }
  });
}

type Earner = { readonly role: (typeof earners)[number]; readonly of: string };

async function withdrawFor(
  provider: JsonRpcProvider,
  payer: Payer,
  earner: Earner,
  options: PayerOptions,
): Promise<void> {
  const group = await groupOf(provider, payer);
  const signer = await payerSigner(provider, payer);
  const transactions: TransactionReport[] = [];
  for (const plan of await withdrawals(signer, group, earner)) {
    transactions.push(await transact(plan, signer, options));
  }
  if (options.json === true) printJson({ ...earner, group, transactions });
  if (transactions.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: `group ${group} has no credit for ${earner.role} ${earner.of}`,
    hint: "whitepay group payments lists payments, whitepay group status the credit",
  });
}

/** A provider that was removed and added again has more than one account. */
async function withdrawals(signer: Wallet, group: string, { role, of }: Earner): Promise<TransactionPlan[]> {
  if (role === "keeper") return planKeeperWithdraw(signer, group, of);
  const view = new GroupView(signer.provider as JsonRpcProvider, group);
  const mine = (await view.providers()).filter(({ operator }) => operator.toLowerCase() === of.toLowerCase());
  const plans: TransactionPlan[] = [];
  for (const { index } of mine) {
    const { credit, abandoned } = await view.providerOutlook(index);
    if (credit + abandoned > 0n) plans.push(await planProviderWithdraw(signer, group, index));
  }
  return plans;
}
