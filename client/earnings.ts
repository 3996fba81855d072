/** The earnings of a provider in a group by settlement, from chain data alone. */
import type { Provider } from "ethers";
import { eventsOfSettlement, itemsPaid } from "../protocol/payments.ts";
import type { PaymentEvent } from "../protocol/payments.ts";
import { GroupView, type PastSettlement, type ProviderAccount, type ProviderOutlook } from "./group-view.ts";
import { findSettlement } from "./find-settlement.ts";
import { readToken } from "./token.ts";
import type { Token } from "./units.ts";

export type SettledPay = {
  readonly ts: number;
  readonly te: number;
  readonly turn: number;
  readonly transaction: string;
  /** Space-time paid for, in byte·blocks. */
  readonly spaceTime: bigint;
  /** Credit of the provider, after the keepers' cut. */
  readonly amount: bigint;
  /** True if it differs from the signed value: capped (R16), scaled because the escrow was underfunded, or with arrears. */
  readonly adjusted: boolean;
};

export type Earnings = {
  readonly token: Token;
  readonly account: ProviderAccount;
  readonly outlook: ProviderOutlook;
  /** The last settlements that include the provider, oldest first. */
  readonly settlements: readonly SettledPay[];
};

const adjusting = new Set(["Capped", "Shortfall", "ArrearsChanged", "AbandonArrearsChanged"]);

/** @param last number of settlements, from the newest back */
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
  const found = await findSettlement(provider, group, { ts, te, turn: parameters.turn });
  if (found === undefined) return undefined;
  const { input, settled, events } = found;
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
