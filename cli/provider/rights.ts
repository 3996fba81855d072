/** `whitepay provider leave|abandon|revoke-consent|collect-arrears`: less frequent calls of a provider. */
import type { Command } from "commander";
import type { Wallet } from "ethers";
import { planAbandon } from "../../client/group-plans.ts";
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import { planCollectArrears } from "../../client/arrears-plans.ts";
import { planLeave, planRevokeConsent, providerIndex } from "../../client/provider-plans.ts";
import { openGroup } from "../../client/status.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import {
  configOption,
  groupOption,
  namedGroups,
  withProvider,
  type ProviderContext,
  type ProviderOptions,
} from "./context.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { TransactionPlan, TransactionReport } from "../chain/transact.ts";

type OneGroup = Omit<ProviderOptions, "group"> & { readonly group: string };

export function registerRights(provider: Command): void {
  registerOne(provider, {
    name: "leave",
    text: "give notice to a group: the provider leaves after the lockup, or with the next slot if the payer gave notice too (R33)",
    plan: async (signer, group, { provider: chain, operator }) =>
      planLeave(signer, group, await providerIndex(chain, group, operator)),
    next: "keep the data and the daemon until the block of leaving is settled: whitepay provider status",
  });
  registerOne(provider, {
    name: "abandon",
    text: "credit the providers without the committee if nobody settles the group (R34)",
    plan: planAbandon,
    next: "whitepay provider withdraw",
  });
  registerOne(provider, {
    name: "revoke-consent",
    text: "void a consent for a group that is not used yet",
    plan: planRevokeConsent,
    next: "to sign a new consent: whitepay provider consent",
  });
  const collect = groupOption(configOption(provider.command("collect-arrears"))).description(
    "credit this provider with its arrears in every group",
  );
  jsonOption(moneyOptions(collect)).action((options: ProviderOptions) =>
    withProvider(options, (context) => collectAll(context, options)),
  );
}

type Right = {
  readonly name: string;
  readonly text: string;
  readonly plan: (signer: Wallet, group: GroupAt, context: ProviderContext) => Promise<TransactionPlan>;
  readonly next: string;
};

function registerOne(provider: Command, { name, text, plan, next }: Right): void {
  const command = configOption(provider.command(name))
    .description(text)
    .requiredOption("--group <address>", "the group", addressOption("--group"));
  jsonOption(moneyOptions(command)).action(({ group, ...options }: OneGroup) =>
    withProvider(options, async (context) => {
      const { provider: chain, signer, at } = context;
      await openGroup(chain, at(group));
      const report = await transact(await plan(signer, at(group), context), signer, options);
      if (report.sent) say(`next: ${next}`);
      if (options.json === true) printJson({ group, operator: signer.address, transactions: [report] });
    }),
  );
}

async function collectAll(context: ProviderContext, options: ProviderOptions): Promise<void> {
  const { provider, signer, at } = context;
  const transactions: TransactionReport[] = [];
  for (const group of namedGroups(context)) {
    await openGroup(provider, at(group));
    for (const { index, operator, arrears } of await new GroupView(provider, at(group)).providers()) {
      if (operator.toLowerCase() !== signer.address.toLowerCase() || arrears === 0n) continue;
      transactions.push(await transact(await planCollectArrears(signer, at(group), index), signer, options));
    }
  }
  if (options.json === true) printJson({ operator: signer.address, transactions });
  if (transactions.some(({ sent }) => sent)) say("next: whitepay provider withdraw");
  if (transactions.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: `no group owes arrears to ${signer.address}`,
    expected: "arrears above 0 (R32)",
    actual: "0",
    hint: "whitepay provider earnings shows credited, owed and expected money",
  });
}
