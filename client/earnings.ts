/** The earnings of a provider in a group by settlement, from its events alone. */
import type { Provider } from "ethers";
import { groupAbi } from "./abi.ts";
import { GroupView, type GroupAt, type ProviderAccount } from "./group-view.ts";
import { groupSettlement } from "./settlements.ts";
import { readToken } from "./token.ts";
import type { Token } from "./units.ts";
import { groupEvents, type GroupEvent } from "./watch.ts";

export type SettledPay = {
  /** The group's interval [from, through). */
  readonly from: number;
  readonly through: number;
  readonly transaction: string;
  /** Space-time paid for, in byte·blocks. */
  readonly spaceTime: bigint;
  /** Credit of the provider, after the keepers' share. */
  readonly amount: bigint;
  /** Arrears of earlier settlements that this one paid (R32). */
  readonly arrearsPaid: bigint;
};

export type Earnings = {
  readonly token: Token;
  readonly account: ProviderAccount;
  /** The last settlements that include the provider, oldest first. */
  readonly settlements: readonly SettledPay[];
  /** For the blocks since settledThrough, at the rate of the last settlement, before the keepers' share. */
  readonly running: bigint;
  /** The same if all committed bytes are proven. */
  readonly runningMost: bigint;
};

const settledTopic = (groupAbi.getEvent("Settled") as { topicHash: string }).topicHash;
const paidTopic = (groupAbi.getEvent("ArrearsPaid") as { topicHash: string }).topicHash;

/**
 * Undefined if the group has no such provider.
 * @param last number of settlements, from the newest back
 */
export async function providerEarnings(
  provider: Provider,
  group: GroupAt,
  { index, last }: { readonly index: number; readonly last: number },
): Promise<Earnings | undefined> {
  const view = new GroupView(provider, group);
  const [[account], page, head] = await Promise.all([
    view.providerPage(index, 1),
    view.page(),
    provider.getBlockNumber(),
  ]);
  if (account === undefined) return undefined;
  const { settledThrough } = page.state;
  const { value } =
    head > settledThrough && !account.closed
      ? await view.committed(index, [settledThrough, head], head)
      : { value: 0n };
  const topics = [[settledTopic, paidTopic]];
  const events = await groupEvents(provider, group.address, { from: page.createdAt, to: head, topics });
  const { paid, committed } = account.proven;
  return {
    token: await readToken(provider, page.config.token),
    account,
    settlements: payOf(group.address, index, events).slice(-last),
    running: (value * paid) / (committed << 64n),
    runningMost: value >> 64n,
  };
}

/** Arrears that are paid with a settlement have their event before it in the same transaction. */
function payOf(group: string, index: number, events: readonly GroupEvent[]): SettledPay[] {
  const pays: SettledPay[] = [];
  let arrears = { transaction: "", amount: 0n };
  for (const { name, args, transaction } of events) {
    if (name === "ArrearsPaid") {
      if (args["provider"] === BigInt(index)) arrears = { transaction, amount: args["amount"] as bigint };
      continue;
    }
    const words = args as { interval: bigint; keepers: bigint; providers: bigint[] };
    const { from, through, providers } = groupSettlement(group, words);
    const part = providers.find((one) => one.provider === index);
    const arrearsPaid = arrears.transaction === transaction ? arrears.amount : 0n;
    arrears = { transaction: "", amount: 0n };
    if (part === undefined) continue;
    const { spaceTime, amount } = part;
    pays.push({ from, through, transaction, spaceTime, amount, arrearsPaid });
  }
  return pays;
}
