/** `whitepay group add-provider|set-data|remove-provider|replace-keeper|terminate`: changes the members or ends the group. */
import type { Command } from "commander";
import type { Wallet } from "ethers";
import {
  planAddProvider,
  planCancelCommittee,
  planRemoveProvider,
  planReplaceKeeper,
  planSetData,
  planTerminate,
  type DataConsent,
} from "../../client/plans.ts";
import { readConsent } from "./files/consent.ts";
import { usageError } from "../console/exit.ts";
import { checkConsentData, hashedFiles } from "./hashed-files.ts";
import { addressOption } from "../console/options.ts";
import { say } from "../console/output.ts";
import type { PayerOptions } from "../chain/account.ts";
import type { TransactionPlan } from "../chain/transact.ts";
import { indexOfProvider, sendOne, spendingOptions } from "./one-transaction.ts";

type DataOptions = PayerOptions & { readonly files?: string[] };
type ReplaceOptions = PayerOptions & { readonly cancel?: boolean };

export function registerMembers(group: Command): void {
  registerData(group);
  const remove = group
    .command("remove-provider")
    .description("remove a provider from the next slot on; needs no consent")
    .argument("<provider>", "operator or index of the provider");
  spendingOptions(remove).action((which: string, options: PayerOptions) =>
    sendOne(options, async (signer, address) =>
      planRemoveProvider(signer, address, await indexOfProvider(signer, address, which)),
    ),
  );
  const replace = group
    .command("replace-keeper")
    .description(
      "propose a committee with one keeper replaced; every member must accept (whitepay keeper accept)",
    )
    .argument("[old]", "operator of the keeper to replace", addressOption("<old>"))
    .argument("[new]", "operator of the new keeper", addressOption("<new>"))
    .option("--cancel", "withdraw the proposal");
  spendingOptions(replace).action(
    (old: string | undefined, next: string | undefined, options: ReplaceOptions) =>
      sendOne(options, (signer, address) =>
        replacement(signer, address, { old, next, cancel: options.cancel }),
      ),
  );
  const end = group
    .command("terminate")
    .description(
      "end the group: data is paid for `lockup` more blocks, then the payer may withdraw the rest",
    );
  spendingOptions(end).action((options: PayerOptions) => sendOne(options, planTerminate));
}

function registerData(group: Command): void {
  const add = group
    .command("add-provider")
    .description("add a provider with the data in its consent")
    .argument("<consent>", "output of `whitepay provider consent`; - reads stdin")
    .option("--files <files...>", "check that the consent covers exactly these files, in this order");
  spendingOptions(add).action((file: string, options: DataOptions) =>
    sendOne(options, async (signer, address) =>
      planAddProvider(signer, address, await checkedConsent(file, options)),
    ),
  );
  const change = group
    .command("set-data")
    .description("change the data of a provider in the group, with its consent")
    .argument("<consent>", "output of `whitepay provider consent`; - reads stdin")
    .option("--files <files...>", "check that the consent covers exactly these files, in this order");
  spendingOptions(change).action((file: string, options: DataOptions) =>
    sendOne(options, async (signer, address) =>
      planSetData(signer, address, await checkedConsent(file, options)),
    ),
  );
}

async function checkedConsent(file: string, { files }: DataOptions): Promise<DataConsent> {
  const consent = await readConsent(file);
  if (files === undefined) {
    say("warning: the data in the consent is not checked; --files compares it with your files");
  } else {
    checkConsentData(consent, await hashedFiles(files));
  }
  return consent;
}

async function replacement(
  signer: Wallet,
  group: string,
  change: {
    readonly old?: string | undefined;
    readonly next?: string | undefined;
    readonly cancel?: boolean | undefined;
  },
): Promise<TransactionPlan> {
  const { old, next, cancel } = change;
  if (cancel === true) return planCancelCommittee(signer, group);
  if (old === undefined || next === undefined) {
    throw usageError("expected the keeper to replace and the new one", { hint: "or use --cancel" });
  }
  return planReplaceKeeper(signer, group, { old, next });
}
