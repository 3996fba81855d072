/** `whitepay group draft FILE`: the private committee of a group file, for its keepers to consent to. */
import type { Command } from "commander";
import type { NewCommittee } from "../../../client/committee-plans.ts";
import { predictCommittee } from "../../../client/member-consents.ts";
import { payerOptions, withChain, type PayerOptions } from "../../chain/account.ts";
import { usageError } from "../../console/exit.ts";
import { addressOption, jsonOption } from "../../console/options.ts";
import { printJson } from "../../console/output.ts";
import { readGroupFile, type GroupFile } from "../files/group.ts";

type DraftOptions = PayerOptions & { readonly convener: string };

/** A private committee serves this group alone: its terms are those of the group. */
export function draftOf({ rhythm, config, keepers, ceiling }: GroupFile, factory: string): NewCommittee {
  const { token, keeperFee, keeperShareBps } = config;
  const terms = {
    token,
    leastKeeperFee: keeperFee,
    leastKeeperShareBps: keeperShareBps,
    mostProviders: ceiling,
    open: false,
  };
  return { factory, rhythm, terms, operators: keepers };
}

export function registerDraft(group: Command): void {
  const command = group
    .command("draft")
    .description(
      "print the private committee of a group file as JSON, with its address to come; each keeper signs it: whitepay committee join --draft",
    )
    .argument("<file>", "group file (YAML) with keepers")
    .requiredOption("--convener <address>", "account that creates the group", addressOption("--convener"));
  payerOptions(jsonOption(command)).action((file: string, options: DraftOptions) =>
    withChain(options, async (provider, payer) => {
      const read = await readGroupFile(file);
      if (read.keepers.length === 0) {
        throw usageError(`${file} names a shared committee`, { expected: "keepers of a private one" });
      }
      const draft = { ...draftOf(read, payer.need("chain.factory")), convener: options.convener };
      printJson({ ...draft, committee: await predictCommittee(provider, draft) });
    }),
  );
}
