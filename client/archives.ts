/** Groups that store an archive, and the proven copies of its files over time: from the chain and the providers' piece lists (R46). */
import { Contract, getAddress, type Provider } from "ethers";
import { copiesOverTime, type FileCopies, type SettledInterval } from "../archive/copies.ts";
import type { Hex } from "../protocol/hash.ts";
import { factoryAbi, groupAbi } from "./abi.ts";
import type { FactoryAt } from "./committees.ts";
import type { GroupHoldings, HeldData } from "./holdings.ts";
import { firstRegistration, registryAt } from "./registry.ts";
import { groupEvents } from "./watch.ts";

/** A group whose payer announced a manifest. */
export type Announcement = { readonly group: string; readonly root: Hex; readonly block: number };

/**
 * The groups of a factory that announced one of these manifests, each with its newest announcement of them, oldest first. Events of the same
 * form by other contracts are ignored.
 */
export async function announcedIn(
  provider: Provider,
  { registry, factory }: FactoryAt,
  roots: readonly Hex[],
): Promise<Announcement[]> {
  const from = await firstRegistration(registryAt(registry, provider));
  if (from === undefined) return [];
  const to = await provider.getBlockNumber();
  const { topicHash } = groupAbi.getEvent("ManifestSet") as { topicHash: string };
  const range = { from, to, topics: [topicHash, [...roots]], blocksAtOnce: to - from + 1 };
  const events = await groupEvents(provider, undefined, range);
  const newest = new Map<string, Announcement>();
  for (const { contract, block, args } of events) {
    const group = getAddress(contract);
    newest.set(group, { group, root: args["root"] as Hex, block });
  }
  const isGroup = new Contract(factory, factoryAbi, provider).getFunction("isGroup");
  const found: Announcement[] = [];
  for (const one of newest.values()) if ((await isGroup(one.group)) === true) found.push(one);
  return found.sort((a, b) => a.block - b.block);
}

/** The manifest that a group announced last; undefined if none. */
export async function newestManifest(
  provider: Provider,
  registry: string,
  group: string,
): Promise<Announcement | undefined> {
  const from = await firstRegistration(registryAt(registry, provider));
  if (from === undefined) return undefined;
  const to = await provider.getBlockNumber();
  const { topicHash } = groupAbi.getEvent("ManifestSet") as { topicHash: string };
  const events = await groupEvents(provider, group, {
    from,
    to,
    topics: [topicHash],
    blocksAtOnce: to - from + 1,
  });
  const last = events.at(-1);
  return last && { group: getAddress(group), root: last.args["root"] as Hex, block: last.block };
}

/** The first block of at least this time, or the head's next one. @param time_s seconds since 1970 @param from no earlier block */
export async function blockSince(provider: Provider, time_s: number, from = 0): Promise<number> {
  let [low, high] = [from, (await provider.getBlockNumber()) + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const block = await provider.getBlock(middle);
    if (block === null) throw new Error(`the endpoint does not have block ${middle}`);
    if (block.timestamp < time_s) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A provider that proved at least this much of its data in an interval proved its files. */
const provenBps = 9_000n;
/** What a settlement proved counts for this number of further intervals of the same length, while the next settlement is awaited. */
const awaitedIntervals = 2;

export type ArchiveGroup = {
  readonly holdings: GroupHoldings;
  /** Piece roots of a list that a provider committed to; undefined if nobody gives the list. */
  readonly rootsOf: (listRoot: Hex) => ReadonlySet<string> | undefined;
};

export type ArchiveCopies = {
  /** In the order of the roots. */
  readonly files: readonly FileCopies[];
  /** Commitments in the window whose list nobody gives: their files are not counted. */
  readonly unread: readonly HeldData[];
};

/** @param roots of the archive's files @param window the blocks [from, to) */
export function archiveCopies(
  roots: readonly string[],
  groups: readonly ArchiveGroup[],
  window: { readonly from: number; readonly to: number },
): ArchiveCopies {
  const unread: HeldData[] = [];
  const commitments = groups.flatMap(({ holdings, rootsOf }) =>
    holdings.held.flatMap((held) => {
      const [from, to] = [held.from, held.to ?? window.to];
      if (held.bytes === 0n || from >= window.to || to <= window.from) return [];
      const listed = rootsOf(held.listRoot);
      if (listed !== undefined) return [{ provider: held.operator, from, to, roots: listed }];
      unread.push(held);
      return [];
    }),
  );
  const settled = groups.flatMap(({ holdings }) => intervalsOf(holdings));
  return { files: copiesOverTime(roots, commitments, settled, window), unread };
}

function intervalsOf({ proven, settledThrough }: GroupHoldings): SettledInterval[] {
  return proven.map(({ operator, from, to, proven: part, committed }) => {
    const isProven = committed > 0n && part * 10_000n >= committed * provenBps;
    const end = to === settledThrough ? to + awaitedIntervals * (to - from) : to;
    return { provider: operator, from, to: end, isProven };
  });
}
