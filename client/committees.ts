/** What a factory made, from the chain alone: its committees and groups (R35). */
import { getAddress, zeroPadValue, type Provider } from "ethers";
import { factoryAbi } from "./abi.ts";
import { allParties, firstRegistration, registryAt, type Party } from "./registry.ts";
import { eventPages, groupEvents, type GroupEvent } from "./watch.ts";

export type FactoryAt = { readonly registry: string; readonly factory: string };

export type MadeCommittee = {
  readonly address: string;
  readonly convener: string;
  readonly createdAt: number;
};
export type MadeGroup = { readonly address: string; readonly payer: string; readonly createdAt: number };
export type Made = {
  /** In the order of registration. */
  readonly keepers: readonly Party[];
  readonly providers: readonly Party[];
  readonly committees: readonly MadeCommittee[];
  readonly groups: readonly MadeGroup[];
  /** The first block that can concern anybody: that of the first registration. */
  readonly from: number;
};

/**
 * Who is registered, and all committees and groups of a factory, oldest first. Nothing before the first registration matters: a committee has registered
 * members, and a group registered providers.
 * @throws WhitePayError `input` if there is no registry at the address
 */
export async function madeBy(provider: Provider, { registry, factory }: FactoryAt): Promise<Made> {
  const contract = registryAt(registry, provider);
  const [keepers, providers] = await Promise.all([
    allParties(contract, "keeper"),
    allParties(contract, "provider"),
  ]);
  const to = await provider.getBlockNumber();
  const from = Math.min(to, ...[...keepers, ...providers].map(({ registeredAt }) => registeredAt));
  const committees: MadeCommittee[] = [];
  const groups: MadeGroup[] = [];
  for await (const { events } of eventPages(provider, factory, { from, to, abi: factoryAbi })) {
    for (const { name, args, block: createdAt } of events) {
      if (name === "CommitteeCreated") {
        committees.push({
          address: args["committee"] as string,
          convener: args["convener"] as string,
          createdAt,
        });
      }
      if (name === "GroupCreated") {
        groups.push({ address: args["group"] as string, payer: args["payer"] as string, createdAt });
      }
    }
  }
  return { keepers, providers, committees, groups, from };
}

type Wanted = {
  readonly name: "CommitteeCreated" | "GroupCreated";
  /** Of a group: its payer; default: all payers. */
  readonly payer?: string;
};

/**
 * What a factory made, oldest first, in as few requests as the endpoint allows: the whole range at once, halved where it refuses.
 * Blocks before the first registration are not asked for.
 */
async function createdBy(
  provider: Provider,
  { registry, factory }: FactoryAt,
  { name, payer }: Wanted,
): Promise<GroupEvent[]> {
  const from = await firstRegistration(registryAt(registry, provider));
  if (from === undefined) return [];
  const to = await provider.getBlockNumber();
  const { topicHash } = factoryAbi.getEvent(name) as { topicHash: string };
  const topics = payer === undefined ? [topicHash] : [topicHash, null, zeroPadValue(payer, 32)];
  const range = { from, to, abi: factoryAbi, topics, blocksAtOnce: to - from + 1 };
  return groupEvents(provider, factory, range);
}

/** Addresses of the committees of a factory, newest first. */
export async function committeesOf(provider: Provider, at: FactoryAt): Promise<string[]> {
  const events = await createdBy(provider, at, { name: "CommitteeCreated" });
  return events.map(({ args }) => getAddress(args["committee"] as string)).toReversed();
}

/** Addresses of the groups that a payer made with a factory, newest first. */
export async function groupsOf(provider: Provider, at: FactoryAt, payer: string): Promise<string[]> {
  const events = await createdBy(provider, at, { name: "GroupCreated", payer });
  return events.map(({ args }) => getAddress(args["group"] as string)).toReversed();
}
