/** `whitepay group enter|raise-ceiling|replace-keeper|hand-in-consent|invite|reclaim`: the group's committee (R37, R38). */
import type { Command } from "commander";
import type { Wallet } from "ethers";
import {
  planHandInConsent,
  planInvite,
  planReclaim,
  planReplaceMember,
  planWithdrawProposal,
} from "../../client/committee-plans.ts";
import { planEnter, planRaiseCeiling } from "../../client/group-plans.ts";
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import { chainOf } from "../../client/signer.ts";
import type { PayerOptions } from "../chain/account.ts";
import type { TransactionPlan } from "../chain/transact.ts";
import { usageError } from "../console/exit.ts";
import { addressOption, integerOption } from "../console/options.ts";
import { readMemberConsent } from "./files/member-consent.ts";
import { sendOne, spendingOptions } from "./one-transaction.ts";

type CeilingOptions = PayerOptions & { readonly ceiling: number };
type ReplaceOptions = PayerOptions & { readonly withdraw?: number };
type InviteOptions = PayerOptions & { readonly withdraw?: boolean };

const ceilingOption = integerOption("--ceiling", { min: 1, max: 256 });

export function registerService(group: Command): void {
  const enter = group
    .command("enter")
    .description("enter a committee; if another one serves the group, move to it after the lockup")
    .argument("<committee>", "address of the committee", addressOption("<committee>"))
    .requiredOption("--ceiling <n>", "providers to reserve", ceilingOption);
  spendingOptions(enter).action((committee: string, options: CeilingOptions) =>
    sendOne(
      options,
      (signer, at) => planEnter(signer, at, { committee, ceiling: options.ceiling }),
      "whitepay group status shows from which block on the committee serves the group",
    ),
  );
  const raise = group
    .command("raise-ceiling")
    .description("reserve more providers at the present committee")
    .argument("<n>", "providers to reserve", integerOption("<n>", { min: 1, max: 256 }));
  spendingOptions(raise).action((ceiling: number, options: PayerOptions) =>
    sendOne(options, (signer, at) => planRaiseCeiling(signer, at, ceiling)),
  );
  registerMembers(group);
}

function registerMembers(group: Command): void {
  const replace = group
    .command("replace-keeper")
    .description(
      "propose the group's committee with one keeper replaced; the convener or a member may. The new keeper and a quorum must consent",
    )
    .argument("[old]", "operator of the keeper to replace", addressOption("<old>"))
    .argument("[new]", "operator of the new keeper", addressOption("<new>"))
    .option("--withdraw <version>", "withdraw this proposal", integerOption("--withdraw", { min: 2 }));
  spendingOptions(replace).action(
    (old: string | undefined, next: string | undefined, options: ReplaceOptions) =>
      sendOne(options, async (signer, at) =>
        replacement(signer, await committeeOf(signer, at), { old, next, withdraw: options.withdraw }),
      ),
  );
  const consent = group
    .command("hand-in-consent")
    .description("send a keeper's signed consent to a version of a committee; any account may")
    .argument("<consent>", "output of `whitepay committee accept --sign`; - reads stdin");
  spendingOptions(consent).action((file: string, options: PayerOptions) =>
    sendOne(options, async (signer) => planHandInConsent(signer, await readMemberConsent(file))),
  );
  const invite = group
    .command("invite")
    .description("let this group into a closed committee, with the convener's key")
    .argument("<committee>", "address of the committee", addressOption("<committee>"))
    .option("--withdraw", "withdraw the invitation");
  spendingOptions(invite).action((committee: string, options: InviteOptions) =>
    sendOne(options, (signer, at) =>
      planInvite(signer, committee, { group: at.address, invited: options.withdraw !== true }),
    ),
  );
  const reclaim = group
    .command("reclaim")
    .description("free the providers that groups reserved which left the committee; any account may")
    .argument("<committee>", "address of the committee", addressOption("<committee>"));
  spendingOptions(reclaim).action((committee: string, options: PayerOptions) =>
    sendOne(options, (signer, at) => planReclaim(signer, { address: committee, lens: at.lens })),
  );
}

/** @throws CliError exit 2 if the group has no committee */
async function committeeOf(signer: Wallet, group: GroupAt): Promise<string> {
  const { service } = (await new GroupView(chainOf(signer), group).page()).state;
  if (service === undefined) throw usageError(`group ${group.address} has no committee`);
  return service.committee;
}

async function replacement(
  signer: Wallet,
  committee: string,
  change: {
    readonly old: string | undefined;
    readonly next: string | undefined;
    readonly withdraw: number | undefined;
  },
): Promise<TransactionPlan> {
  const { old, next, withdraw } = change;
  if (withdraw !== undefined) return planWithdrawProposal(signer, committee, withdraw);
  if (old === undefined || next === undefined) {
    throw usageError("expected the keeper to replace and the new one", { hint: "or use --withdraw" });
  }
  return planReplaceMember(signer, committee, { old, next });
}
