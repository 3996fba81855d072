/** `whitepay keeper resign GROUP`: resigns from a committee (R33). */
import type { Command } from "commander";
import { planResign } from "../../client/rights.ts";
import { openGroup } from "../../client/status.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags } from "../chain/transact.ts";

type ResignOptions = ConfigOptions & MoneyFlags;

export async function registerResign(keeper: Command): Promise<void> {
  const command = keeper
    .command("resign")
    .description(
      "resign from a group's committee; keep the keeper running until another committee takes over",
    )
    .argument("<group>", "the group's address", addressOption("<group>"));
  (await configOptions(jsonOption(moneyOptions(command)))).action((group: string, options: ResignOptions) =>
    asKeeperFailure(() => resign(group, options)),
  );
}

async function resign(group: string, options: ResignOptions): Promise<void> {
  const { config } = await loadConfig(options);
  await withKeeper(config, async ({ provider, signer }) => {
    await openGroup(provider, group);
    const report = await transact(await planResign(signer, group), signer, options);
    if (report.sent) {
      say(`next: tell the payer, who replaces this keeper with whitepay group replace-keeper;
  keep this keeper running until the new committee takes over, then remove the group from \`groups\``);
    }
    if (options["json"] === true) printJson({ group, operator: signer.address, transactions: [report] });
  });
}
