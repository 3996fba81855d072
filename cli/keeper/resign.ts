/** `whitepay keeper resign|release-group`: resigns from a committee, or releases a group of it (R37, R38). */
import type { Command } from "commander";
import { planReleaseGroup, planResign } from "../../client/committee-plans.ts";
import type { ConfigOptions } from "./context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "./context.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags } from "../chain/transact.ts";

type ResignOptions = ConfigOptions & MoneyFlags;

export async function registerResign(keeper: Command): Promise<void> {
  await registerRelease(keeper);
  const command = keeper
    .command("resign")
    .description("resign from a committee; keep the keeper running until a version without it takes effect")
    .argument("<committee>", "the committee's address", addressOption("<committee>"));
  (await configOptions(jsonOption(moneyOptions(command)))).action(
    (committee: string, options: ResignOptions) => asKeeperFailure(() => resign(committee, options)),
  );
}

async function registerRelease(keeper: Command): Promise<void> {
  const command = keeper
    .command("release-group")
    .description(
      "release a group that has no provider, or is in arrears for longer than its lockup; it is served for the lockup more",
    )
    .argument("<committee>", "the committee's address", addressOption("<committee>"))
    .argument("<number>", "the group's number in it", integerOption("<number>", { min: 1 }));
  (await configOptions(jsonOption(moneyOptions(command)))).action(
    (committee: string, number: number, options: ResignOptions) =>
      asKeeperFailure(() => release(committee, number, options)),
  );
}

async function release(committee: string, number: number, options: ResignOptions): Promise<void> {
  const { config } = await loadConfig(options);
  await withKeeper(config, async ({ signer }) => {
    const report = await transact(await planReleaseGroup(signer, committee, number), signer, options);
    if (options["json"] === true) printJson({ committee, number, transactions: [report] });
  });
}

async function resign(committee: string, options: ResignOptions): Promise<void> {
  const { config } = await loadConfig(options);
  await withKeeper(config, async ({ signer }) => {
    const report = await transact(await planResign(signer, committee), signer, options);
    if (report.sent) {
      say(`next: tell the convener, who replaces this keeper with whitepay group replace-keeper;
  keep this keeper running until the next version takes effect`);
    }
    if (options["json"] === true) printJson({ committee, operator: signer.address, transactions: [report] });
  });
}
