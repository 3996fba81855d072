/** What a provider has earned in a group, settlement by settlement, by chain data alone. */
import type { Provider } from "ethers";
import { eventsOfSettlement, itemsPaid } from "../protocol/payments.ts";
import type { PaymentEvent } from "../protocol/payments.ts";
import { GroupView, type PastSettlement, type ProviderAccount, type ProviderOutlook } from "./group-view.ts";
import { decodeSettleInput } from "./settlements.ts";
import { readToken } from "./token.ts";
import type { Token } from "./units.ts";
import { groupEvents } from "./watch.ts";

export type SettledPay = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  readonly transaction: string;
  /** Paid for, in byte·blocks. */
  readonly spaceTime: bigint;
  /** What the provider was credited with, after the keepers' cut. */
  readonly amount: bigint;
  /** It is less or more than what was signed: capped (R16), cut as the escrow was short, or with arrears. */
  readonly adjusted: boolean;
};

export type Earnings = {
  readonly token: Token;
  readonly account: ProviderAccount;
  readonly outlook: ProviderOutlook;
  /** The last settlements that had the provider in them, oldest first. */
  readonly settlements: readonly SettledPay[];
};

const adjusting = new Set(["Capped", "Shortfall", "ArrearsChanged", "AbandonArrearsChanged"]);

/**
 * @param last how many settlements to look at, from the newest back
 */
export async function providerEarnings(
  provider: Provider,
  group: string,
  { index, last }: { readonly index: number; readonly last: number },
): Promise<Earnings | undefined> {
  const view = new GroupView(provider, group);
  const account = (await view.providers()).find((candidate) => candidate.index === index);
  if (account === undefined) return undefined;
  const [parameters, past, outlook] = await Promise.all([
    view.parameters(),
    view.pastSettlements(),
    view.providerOutlook(index),
  ]);
  const scope = { provider, group, index, parameters };
  const settlements: SettledPay[] = [];
  for (const settlement of past.slice(-last)) {
    const pay = await payOf(scope, settlement);
    if (pay !== undefined) settlements.push(pay);
  }
  return { token: await readToken(provider, parameters.token), account, outlook, settlements };
}

type Scope = {
  readonly provider: Provider;
  readonly group: string;
  readonly index: number;
  readonly parameters: { readonly price: bigint; readonly keeperShareBps: number; readonly turn: number };
};

async function payOf(scope: Scope, { ts, te, turn }: PastSettlement): Promise<SettledPay | undefined> {
  const { provider, group, index, parameters } = scope;
  const head = await provider.getBlockNumber();
  // R29: the settlement is inside its window.
  const to = Math.min(head, te + parameters.turn);
  const events = await groupEvents(provider, group, { from: te, to });
  const settled = events.find(({ name, args }) => name === "Settled" && args["ts"] === BigInt(ts));
  if (settled === undefined) return undefined;
  const sent = await provider.getTransaction(settled.transaction);
  const input = decodeSettleInput(sent?.data ?? "");
  if (input === undefined) return undefined;
  const same = events.filter(({ transaction }) => transaction === settled.transaction);
  const own = eventsOfSettlement(same as PaymentEvent[], same.indexOf(settled));
  const { price, keeperShareBps } = parameters;
  const signed = input.items.map((one) => ({ provider: one.provider, signed: one.spaceTime }));
  const terms = { price, keeperShareBps: BigInt(keeperShareBps) };
  const item = itemsPaid(terms, signed, own).find((one) => one.provider === index);
  if (item === undefined) return undefined;
  const adjusted = own.some(
    ({ name, args }) =>
      adjusting.has(name) && (args["provider"] === undefined || args["provider"] === BigInt(index)),
  );
  const { spaceTime, toProvider: amount } = item;
  return { ts, te, turn, transaction: settled.transaction, spaceTime, amount, adjusted };
}
