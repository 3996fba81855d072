/** `whitepay provider abandon|revoke-consent|collect-arrears`: less frequent calls of a provider. */
import type { Command } from "commander";
import type { Wallet } from "ethers";
import { GroupView } from "../../client/group-view.ts";
import { planAbandon, planCollectArrears, planRevokeConsent } from "../../client/rights.ts";
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
    name: "abandon",
    text: "credit the providers without the committee after it missed all its turns (R34)",
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
  readonly plan: (signer: Wallet, group: string) => Promise<TransactionPlan>;
  readonly next: string;
};

function registerOne(provider: Command, { name, text, plan, next }: Right): void {
  const command = configOption(provider.command(name))
    .description(text)
    .requiredOption("--group <address>", "the group", addressOption("--group"));
  jsonOption(moneyOptions(command)).action(({ group, ...options }: OneGroup) =>
    withProvider(options, async ({ provider: chain, signer }) => {
      await openGroup(chain, group);
      const report = await transact(await plan(signer, group), signer, options);
      if (report.sent) say(`next: ${next}`);
      if (options.json === true) printJson({ group, operator: signer.address, transactions: [report] });
    }),
  );
}

async function collectAll(context: ProviderContext, options: ProviderOptions): Promise<void> {
  const { provider, signer } = context;
  const transactions: TransactionReport[] = [];
  for (const group of namedGroups(context)) {
    await openGroup(provider, group);
    for (const { index, operator, arrears } of await new GroupView(provider, group).providers()) {
      if (operator.toLowerCase() !== signer.address.toLowerCase() || arrears === 0n) continue;
      transactions.push(await transact(await planCollectArrears(signer, group, index), signer, options));
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
