/** `whitepay group retrieve`: the options; the work is in retrieval.ts. */
import type { Command } from "commander";
import type { RetrieveOptions } from "./retrieval.ts";
import { integerOption, jsonOption } from "../../console/options.ts";
import { groupOf, payerOptions, payerSigner, withChain } from "../../chain/account.ts";

export function registerRetrieve(group: Command): void {
  const command = group
    .command("retrieve")
    .description("fetch all pieces from the providers, checked against the committed roots; again: go on")
    .option("--out <folder>", "where the files go", "retrieved")
    .option(
      "--names <file>",
      "names of the files: the .created.json that `group create` left (default: by root)",
    )
    .option("--provider <index>", "only what this provider holds, or held", integerOption("--provider"));
  payerOptions(jsonOption(command)).action((options: RetrieveOptions) =>
    withChain(options, async (provider, payer) => {
      const address = await groupOf(provider, payer);
      const signer = await payerSigner(provider, payer);
      const { retrieve } = await import("./retrieval.ts");
      await retrieve({ provider, group: address, signer, options });
    }),
  );
}
