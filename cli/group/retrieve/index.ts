/** `whitepay group retrieve`: the command's options. */
import type { Command } from "commander";
import type { RetrieveOptions } from "./retrieval.ts";
import { integerOption, jsonOption } from "../../console/options.ts";
import { groupOf, payerOptions, payerSigner, withChain } from "../../chain/account.ts";

export function registerRetrieve(group: Command): void {
  const command = group
    .command("retrieve")
    .description(
      "fetch all pieces from the providers and verify them against the committed roots; re-run to resume",
    )
    .option("--out <folder>", "folder for the files", "retrieved")
    .option("--names <file>", "file names: the .created.json that `group create` wrote (default: the roots)")
    .option(
      "--provider <index>",
      "only the pieces of this provider, present or removed",
      integerOption("--provider"),
    );
  payerOptions(jsonOption(command)).action((options: RetrieveOptions) =>
    withChain(options, async (provider, payer) => {
      const address = await groupOf(provider, payer);
      const signer = await payerSigner(provider, payer);
      const { retrieve } = await import("./retrieval.ts");
      await retrieve({ provider, group: address, signer, options });
    }),
  );
}
