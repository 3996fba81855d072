/** `whitepay group abandon|sync|accept-seat|collect-arrears|touch`: less frequent calls, open to the payer or to any account. */
import type { Command } from "commander";
import type { Wallet } from "ethers";
import { planAcceptSeat, type SeatConsent } from "../../client/seats.ts";
import { planAbandon, planCollectArrears, planSync, planTouch } from "../../client/rights.ts";
import { usageError } from "../console/exit.ts";
import type { PayerOptions } from "../chain/account.ts";
import { readSeatConsent } from "./files/seat.ts";
import type { TransactionPlan } from "../chain/transact.ts";
import { indexOfProvider, sendOne, spendingOptions } from "./one-transaction.ts";

type PlanOfProvider = (signer: Wallet, group: string, provider: number) => Promise<TransactionPlan>;

export function registerRights(group: Command): void {
  const abandon = group
    .command("abandon")
    .description("credit the providers without the committee after it missed all its turns (R34)");
  spendingOptions(abandon).action((options: PayerOptions) =>
    sendOne(options, planAbandon, "the providers withdraw their credit: whitepay provider withdraw"),
  );
  const sync = group
    .command("sync")
    .description("book tokens that were sent to the group's address without a deposit; any account may");
  spendingOptions(sync).action((options: PayerOptions) =>
    sendOne(options, planSync, "whitepay group status shows how long the money lasts"),
  );
  const seat = group
    .command("accept-seat")
    .description("send a keeper's signed acceptance of its seat in the proposed committee; any account may")
    .argument("<acceptance>", "output of `whitepay keeper accept --sign`; - reads stdin");
  spendingOptions(seat).action((file: string, options: PayerOptions) =>
    sendOne(
      options,
      async (signer, address) => planAcceptSeat(signer, await seatConsentFor(address, file)),
      "whitepay group status shows the missing acceptances",
    ),
  );
  registerOfProvider(group, {
    name: "collect-arrears",
    text: "credit a provider with its arrears; any account may",
    plan: planCollectArrears,
  });
  registerOfProvider(group, {
    name: "touch",
    text: "credit a provider for abandoned intervals before its next settlement; any account may",
    plan: planTouch,
  });
}

function registerOfProvider(
  group: Command,
  { name, text, plan }: { readonly name: string; readonly text: string; readonly plan: PlanOfProvider },
): void {
  const command = group
    .command(name)
    .description(text)
    .argument("<provider>", "operator or index of the provider");
  spendingOptions(command).action((which: string, options: PayerOptions) =>
    sendOne(
      options,
      async (signer, address) => plan(signer, address, await indexOfProvider(signer, address, which)),
      "the provider withdraws it: whitepay provider withdraw",
    ),
  );
}

async function seatConsentFor(group: string, file: string): Promise<SeatConsent> {
  const consent = await readSeatConsent(file);
  if (consent.group.toLowerCase() === group.toLowerCase()) return consent;
  throw usageError("the acceptance is for another group", { expected: group, actual: consent.group });
}
