/** `whitepay payee …`: shows and changes the payee of a keeper or provider, with the payee's key (R3, R31). */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { payeesOf, planAcceptPayee, planNamePayee, type PayeeOf } from "../../client/payees.ts";
import { registryOf } from "../../client/group-plans.ts";
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import {
  keeperBalances,
  planKeeperWithdrawals,
  planProviderWithdrawals,
  providerBalances,
  type Contracts,
} from "../../client/withdrawals.ts";
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

const roles = ["keeper", "provider"] as const;
type Role = (typeof roles)[number];

const ofWhom = "operator of the keeper or provider";

export function register(program: Command): void {
  const payee = program
    .command("payee")
    .description("change the address that receives a keeper's or provider's money");
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
    .description(
      "withdraw a provider's credit in a group, or a keeper's in all groups of its committee, with the payee's key",
    )
    .argument("<role>", roles.join(" or "), choiceOption("<role>", roles))
    .argument("<of>", "operator of the keeper or provider", addressOption("<of>"));
  spending(withdraw).action((role: Role, of: string, options: PayerOptions) =>
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

/** @throws CliError exit 2 if neither a registry nor a factory is configured */
async function partyOf(provider: JsonRpcProvider, payer: Payer, role: Role, of: string): Promise<PayeeOf> {
  const { registry, factory } = payer.config.chain;
  if (registry !== undefined) return { role, registry, operator: of };
  if (factory === undefined) {
    throw usageError("the registry is unknown", {
      expected: "the address of the registry, or of a factory that uses it",
      hint: "give --registry or --factory, or set `chain.registry` or `chain.factory` in payee.yaml",
    });
  }
  return { role, registry: await registryOf(provider, factory), operator: of };
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

type Earner = { readonly role: Role; readonly of: string };

async function withdrawFor(
  provider: JsonRpcProvider,
  payer: Payer,
  earner: Earner,
  options: PayerOptions,
): Promise<void> {
  const group = await groupOf(provider, payer);
  const contracts = { factory: payer.need("chain.factory"), lens: group.lens };
  const signer = await payerSigner(provider, payer);
  const transactions: TransactionReport[] = [];
  for (const plan of await withdrawals(signer, contracts, group, earner)) {
    transactions.push(await transact(plan, signer, options));
  }
  if (options.json === true) printJson({ ...earner, group: group.address, transactions });
  if (transactions.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: `group ${group.address} has no credit for ${earner.role} ${earner.of}`,
    hint: "whitepay group payments lists payments, whitepay group status the credit",
  });
}

async function withdrawals(
  signer: Wallet,
  contracts: Contracts,
  group: GroupAt,
  { role, of }: Earner,
): Promise<TransactionPlan[]> {
  const provider = signer.provider as JsonRpcProvider;
  const { lens } = group;
  if (role === "provider") {
    const balances = await providerBalances(provider, { lens, groups: [group.address], operator: of });
    return balances.length === 0 ? [] : planProviderWithdrawals(signer, contracts, balances);
  }
  // The committee that serves the group now; for earlier ones: whitepay keeper withdraw.
  const { service } = (await new GroupView(provider, group).page()).state;
  if (service === undefined) return [];
  const balances = await keeperBalances(provider, { lens, committee: service.committee, operator: of });
  return balances.length === 0 ? [] : planKeeperWithdrawals(signer, contracts, balances);
}
