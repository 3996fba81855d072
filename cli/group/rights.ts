/** `whitepay group abandon|sync|accept-seat|collect-arrears|touch`: what the contract lets a payer, or anybody, do now and then. */
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
    .description("credit the providers without the committee, once it has let all its time go by (R34)");
  spendingOptions(abandon).action((options: PayerOptions) =>
    sendOne(
      options,
      planAbandon,
      "the providers withdraw what they were credited: whitepay provider withdraw",
    ),
  );
  const sync = group
    .command("sync")
    .description("book what was sent to the group's address without a deposit; anyone may");
  spendingOptions(sync).action((options: PayerOptions) =>
    sendOne(options, planSync, "whitepay group status says how long the money lasts now"),
  );
  const seat = group
    .command("accept-seat")
    .description("send a keeper's signed acceptance of its seat in the proposed committee; anyone may")
    .argument("<acceptance>", "what `whitepay keeper accept --sign` printed; - reads it from stdin");
  spendingOptions(seat).action((file: string, options: PayerOptions) =>
    sendOne(
      options,
      async (signer, address) => planAcceptSeat(signer, await seatConsentFor(address, file)),
      "whitepay group status says whose acceptance is missing",
    ),
  );
  registerOfProvider(group, {
    name: "collect-arrears",
    text: "credit a provider with what the escrow owes it; anyone may",
    plan: planCollectArrears,
  });
  registerOfProvider(group, {
    name: "touch",
    text: "credit a provider for abandoned intervals now, not with its next settlement; anyone may",
    plan: planTouch,
  });
}

function registerOfProvider(
  group: Command,
  { name, text, plan }: { readonly name: string; readonly text: string; readonly plan: PlanOfProvider },
): void {
  const command = group.command(name).description(text).argument("<provider>", "its operator, or its index");
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
