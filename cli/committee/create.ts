/** `whitepay committee create FILE`: makes a committee; the account that sends it is the convener (R37). */
import type { Command } from "commander";
import { planCommittee } from "../../client/committee-plans.ts";
import { predictCommittee } from "../../client/member-consents.ts";
import { payerOptions, payerSigner, withChain, type PayerOptions } from "../chain/account.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { readMemberConsent } from "../group/files/member-consent.ts";
import { readCommitteeFile } from "./file.ts";

type CreateOptions = PayerOptions & { readonly draft?: boolean; readonly convener?: string };

export function registerCreate(committee: Command): void {
  const command = committee
    .command("create")
    .description(
      "make the committee of a file; keepers whose consent is not in the file consent later: whitepay committee join",
    )
    .argument(
      "<file>",
      "committee file (YAML) with rhythm, terms and keepers; docs/commands.md has an example",
    )
    .option(
      "--draft",
      "print the committee as JSON for its keepers to sign (committee join --draft); send nothing",
    )
    .option(
      "--convener <address>",
      "with --draft: the account that will make it",
      addressOption("--convener"),
    );
  payerOptions(jsonOption(moneyOptions(command))).action((file: string, options: CreateOptions) =>
    options.draft === true ? printDraft(file, options) : create(file, options),
  );
}

function printDraft(path: string, options: CreateOptions): Promise<void> {
  const { convener } = options;
  if (convener === undefined) {
    throw usageError("--convener is missing", { expected: "the account that will make the committee" });
  }
  return withChain(options, async (provider, payer) => {
    const { consents: _consents, ...file } = await readCommitteeFile(path);
    const draft = { factory: payer.need("chain.factory"), convener, ...file };
    printJson({ ...draft, committee: await predictCommittee(provider, draft) });
  });
}

function create(path: string, options: CreateOptions): Promise<void> {
  return withChain(options, async (provider, payer) => {
    const { consents: files, ...file } = await readCommitteeFile(path);
    const consents = await Promise.all(files.map(readMemberConsent));
    const signer = await payerSigner(provider, payer);
    const draft = { factory: payer.need("chain.factory"), ...file };
    const committee = await predictCommittee(provider, { ...draft, convener: signer.address });
    const report = await transact(await planCommittee(signer, draft, consents), signer, options);
    if (options.json === true) return printJson({ committee, transactions: [report] });
    if (!report.sent) return;
    printLine(`committee ${committee}`);
    const signed = new Set(consents.map(({ operator }) => operator.toLowerCase()));
    const missing = file.operators.filter((operator) => !signed.has(operator.toLowerCase()));
    if (missing.length > 0) {
      say(`next: these keepers consent, then it is formed: ${missing.join(", ")}
  whitepay committee join ${committee}`);
    }
  });
}
