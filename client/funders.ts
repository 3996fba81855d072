/** Who paid for a group: its deposits, and who sent the tokens that were at its address before it was made. */
import { zeroPadValue, type Provider } from "ethers";
import { tokenAbi } from "./abi.ts";
import type { GroupPage } from "./group-view.ts";
import type { Deposit } from "./holdings.ts";
import { firstRegistration, registryAt } from "./registry.ts";
import { groupEvents } from "./watch.ts";

type FundedGroup = { readonly page: GroupPage; readonly deposits: readonly Deposit[] };

/**
 * The factory hands over what was at a group's address when it was made; in its place are those who sent it, as far as the token's events say so.
 * @returns oldest first; `from` stays the factory where the chain's coin was sent, or where the sums differ
 */
export async function fundersOf(
  provider: Provider,
  { registry, factory }: { readonly registry: string; readonly factory: string },
  { page, deposits }: FundedGroup,
): Promise<Deposit[]> {
  const isAhead = ({ from }: Deposit): boolean => from.toLowerCase() === factory.toLowerCase();
  const ahead = deposits.filter(isAhead);
  const { token } = page.config;
  const last = ahead.at(-1);
  if (last === undefined || BigInt(token) === 0n) return [...deposits];
  const from = (await firstRegistration(registryAt(registry, provider))) ?? page.createdAt;
  const { topicHash } = tokenAbi.getEvent("Transfer") as { topicHash: string };
  const sent = await groupEvents(provider, token, {
    from: Math.min(from, page.createdAt),
    to: page.createdAt,
    abi: tokenAbi,
    topics: [topicHash, null, zeroPadValue(page.address, 32)] as (string | null)[],
    blocksAtOnce: page.createdAt + 1,
  });
  const transfers = sent.map(({ args, block }) => ({
    from: String(args["from"]),
    amount: args["value"] as bigint,
    block,
  }));
  const sum = (all: readonly Deposit[]): bigint => all.reduce((total, { amount }) => total + amount, 0n);
  if (sum(transfers) !== sum(ahead)) return [...deposits];
  return [...transfers, ...deposits.filter((one) => !isAhead(one))];
}
