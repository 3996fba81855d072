/** `whitepay committee propose`: a member proposes another keeper in somebody's seat, or withdraws its proposal (R37). */
import type { Command } from "commander";
import { planReplaceMember, planWithdrawProposal } from "../../client/committee-plans.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson, say } from "../console/output.ts";
import { moneyOptions, transact } from "../chain/transact.ts";
import type { MoneyFlags, TransactionPlan } from "../chain/transact.ts";
import type { ConfigOptions, KeeperAccount } from "../keeper/context.ts";
import { asKeeperFailure, configOptions, loadConfig, withKeeper } from "../keeper/context.ts";

type ProposeOptions = ConfigOptions & MoneyFlags & { readonly withdraw?: number };
type Proposal = {
  readonly committee: string;
  readonly old: string | undefined;
  readonly next: string | undefined;
};

export async function registerPropose(committees: Command): Promise<void> {
  const command = committees
    .command("propose")
    .description(
      "propose a version of a committee with one member replaced; the new keeper and a quorum of the members must accept it",
    )
    .argument("<committee>", "the committee's address", addressOption("<committee>"))
    .argument("[old]", "operator of the member to replace", addressOption("[old]"))
    .argument("[new]", "operator of the new keeper", addressOption("[new]"))
    .option(
      "--withdraw <version>",
      "withdraw this proposal",
      integerOption("--withdraw", { min: 2 }) as never,
    );
  (await configOptions(jsonOption(moneyOptions(command)))).action(
    (committee: string, old: string | undefined, next: string | undefined, options: ProposeOptions) =>
      asKeeperFailure(() => propose({ committee, old, next }, options)),
  );
}

async function propose(proposal: Proposal, options: ProposeOptions): Promise<void> {
  const { config } = await loadConfig(options);
  await withKeeper(config, async (account) => {
    const report = await transact(await planned(account, proposal, options), account.signer, options);
    const { committee } = proposal;
    const version = options.withdraw ?? (await lastVersionOf(account, committee));
    if (report.sent && options.withdraw === undefined) {
      say(`next: the new keeper and a quorum of the members accept it:
  whitepay committee accept ${committee} --version ${version}`);
    }
    if (options["json"] === true) printJson({ committee, version, transactions: [report] });
  });
}

async function planned(
  { signer }: KeeperAccount,
  { committee, old, next }: Proposal,
  { withdraw }: ProposeOptions,
): Promise<TransactionPlan> {
  if (withdraw !== undefined && old === undefined) return planWithdrawProposal(signer, committee, withdraw);
  if (withdraw === undefined && old !== undefined && next !== undefined) {
    return planReplaceMember(signer, committee, { old, next });
  }
  throw usageError("expected either two operators, [old] and [new], or --withdraw");
}

async function lastVersionOf({ provider }: KeeperAccount, committee: string): Promise<number> {
  return Number((await new CommitteeReader(provider, committee).read("lastVersion"))[0]);
}
