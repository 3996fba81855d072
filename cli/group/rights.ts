/** `whitepay group abandon|sync|collect-arrears|…|name-payer|accept-payer|publish-manifest`: less frequent calls. */
import type { Command } from "commander";
import type { GroupAt } from "../../client/group-view.ts";
import {
  planCollectAllArrears,
  planCollectArrears,
  planCollectKeeperArrears,
} from "../../client/arrears-plans.ts";
import { planAbandon } from "../../client/group-plans.ts";
import { planAcceptPayer, planManifest, planNamePayer, planSync } from "../../client/money-plans.ts";
import type { PayerOptions } from "../chain/account.ts";
import type { TransactionPlan } from "../chain/transact.ts";
import { addressOption, hexOption, integerOption } from "../console/options.ts";
import { indexOfProvider, sendOne, spendingOptions } from "./one-transaction.ts";
import type { Wallet } from "ethers";

type Simple = {
  readonly name: string;
  readonly text: string;
  readonly plan: (signer: Wallet, group: GroupAt) => Promise<TransactionPlan>;
  readonly next?: string;
};

const simple: readonly Simple[] = [
  {
    name: "abandon",
    text: "credit the providers for blocks that the committee did not certify or settle in time (R34)",
    plan: planAbandon,
    next: "the providers withdraw their credit: whitepay provider withdraw",
  },
  {
    name: "sync",
    text: "book tokens that were sent to the group's address without a deposit; any account may",
    plan: planSync,
    next: "whitepay group status shows how long the money lasts",
  },
  {
    name: "collect-all-arrears",
    text: "after the end: credit all arrears at one ratio; any account may",
    plan: planCollectAllArrears,
  },
  {
    name: "accept-payer",
    text: "accept the role of payer, with the named payer's key",
    plan: planAcceptPayer,
  },
];

export function registerRights(group: Command): void {
  for (const { name, text, plan, next } of simple) {
    spendingOptions(group.command(name).description(text)).action((options: PayerOptions) =>
      sendOne(options, plan, next),
    );
  }
  registerArrears(group);
  const name = group
    .command("name-payer")
    .description("name the next payer, who has to accept; naming the present one withdraws a nomination")
    .argument("<next>", "address of the next payer", addressOption("<next>"));
  spendingOptions(name).action((next: string, options: PayerOptions) =>
    sendOne(
      options,
      (signer, at) => planNamePayer(signer, at, next),
      `with the key of ${next}: whitepay group accept-payer`,
    ),
  );
  const manifest = group
    .command("publish-manifest")
    .description("publish the root of an edition of the payer's manifest as an event (R46)")
    .argument("<root>", "root of the edition, 32 bytes", hexOption("<root>", 32))
    .option("--previous <root>", "root of the edition before", hexOption("--previous", 32));
  spendingOptions(manifest).action((root: string, options: PayerOptions & { previous?: string }) =>
    sendOne(options, (signer, at) =>
      planManifest(signer, at, {
        root,
        ...(options.previous === undefined ? {} : { previous: options.previous }),
      }),
    ),
  );
}

function registerArrears(group: Command): void {
  const provider = group
    .command("collect-arrears")
    .description("credit a provider with its arrears; any account may")
    .argument("<provider>", "operator or index of the provider");
  spendingOptions(provider).action((which: string, options: PayerOptions) =>
    sendOne(
      options,
      async (signer, at) => planCollectArrears(signer, at, await indexOfProvider(signer, at, which)),
      "the provider withdraws it: whitepay provider withdraw",
    ),
  );
  const keepers = group
    .command("collect-keeper-arrears")
    .description(
      "credit the members of a committee version with its arrears, in equal parts; any account may",
    )
    .argument("<committee>", "address of the committee", addressOption("<committee>"))
    .argument("<version>", "version of its members", integerOption("<version>", { min: 1 }));
  spendingOptions(keepers).action((committee: string, version: number, options: PayerOptions) =>
    sendOne(options, (signer, at) => planCollectKeeperArrears(signer, at, { committee, version })),
  );
}
