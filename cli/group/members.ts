/** `whitepay group add-provider|set-data|remove-provider|terminate`: changes the providers or ends the group. */
import type { Command } from "commander";
import { planTerminate } from "../../client/group-plans.ts";
import {
  planAddProvider,
  planChangeData,
  planRemoveProvider,
  type DataConsent,
} from "../../client/provider-plans.ts";
import { readConsent } from "./files/consent.ts";
import { checkConsentData, hashedFiles } from "./hashed-files.ts";
import { say } from "../console/output.ts";
import type { PayerOptions } from "../chain/account.ts";
import { indexOfProvider, sendOne, spendingOptions } from "./one-transaction.ts";

type DataOptions = PayerOptions & { readonly files?: string[] };

export function registerMembers(group: Command): void {
  registerData(group);
  const remove = group
    .command("remove-provider")
    .description(
      "give a provider notice: it leaves after the lockup, or with the next slot if it gave notice, too",
    )
    .argument("<provider>", "operator or index of the provider");
  spendingOptions(remove).action((which: string, options: PayerOptions) =>
    sendOne(options, async (signer, address) =>
      planRemoveProvider(signer, address, await indexOfProvider(signer, address, which)),
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
    .description("change data, price or receipt key of a provider in the group, with its consent")
    .argument("<consent>", "output of `whitepay provider consent`; - reads stdin")
    .option("--files <files...>", "check that the consent covers exactly these files, in this order");
  spendingOptions(change).action((file: string, options: DataOptions) =>
    sendOne(options, async (signer, address) =>
      planChangeData(signer, address, await checkedConsent(file, options)),
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
