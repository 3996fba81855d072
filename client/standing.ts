/** How an archive stands: its groups, what their providers hold, and the proven copies of each file (R46). Needs no key. */
import { ZeroAddress, type Provider } from "ethers";
import type { FileCopies } from "../archive/copies.ts";
import type { Hex } from "../protocol/hash.ts";
import { announcedIn, archiveCopies, blockSince, type Announcement, type ArchiveGroup } from "./archives.ts";
import type { GroupPage } from "./group-view.ts";
import { groupHoldings, type GroupHoldings, type HeldData } from "./holdings.ts";
import { inParallel } from "./in-parallel.ts";
import { openGroup } from "./status.ts";

const listsAtOnce = 16;
const day_s = 86_400;

export type StandingScope = {
  readonly provider: Provider;
  readonly registry: string;
  readonly factory: string;
  readonly lens: string;
};

export type StandingQuery = {
  /** Root of the manifest, and of the edition before it. */
  readonly manifest: Hex;
  readonly previous: Hex | null;
  /** Piece roots of the files. */
  readonly roots: readonly string[];
  /** Undefined: those that announced this edition or the one before it. */
  readonly groups: readonly string[] | undefined;
  readonly days: number;
};

/** Data of a provider whose piece list is wanted. */
export type WantedList = { readonly group: string; readonly committee: Hex; readonly held: HeldData };

/** Piece roots of a list, proven by its root; undefined if nobody gives it. */
export type ListSource = (wanted: WantedList) => Promise<ReadonlySet<string> | undefined>;

/** Called with what is being read, and the last block that was read of those up to `to`. */
export type StandingProgress = (group: string, block: number, to: number) => void;

export type StandingGroup = { readonly page: GroupPage; readonly holdings: GroupHoldings };

export type ArchiveStanding = {
  readonly groups: readonly StandingGroup[];
  /** Of the manifest or the edition before it, by groups of the factory. */
  readonly announced: readonly Announcement[];
  /** The blocks [from, to) that were looked at. */
  readonly window: { readonly from: number; readonly to: number };
  /** In the order of the roots. */
  readonly files: readonly FileCopies[];
  /** Data whose list nobody gives: its files are not counted. */
  readonly unread: readonly HeldData[];
};

/** @throws WhitePayError if the endpoint does not answer, or an address has no group */
export async function archiveStanding(
  scope: StandingScope,
  { manifest, previous, roots, groups, days }: StandingQuery,
  listOf: ListSource,
  onProgress?: StandingProgress,
): Promise<ArchiveStanding> {
  const { provider } = scope;
  const announced = await announcedIn(provider, scope, previous === null ? [manifest] : [manifest, previous]);
  const head = await provider.getBlock("latest");
  if (head === null) throw new Error("the endpoint gives no newest block");
  const window = { from: await blockSince(provider, head.timestamp - days * day_s), to: head.number + 1 };
  const read: (StandingGroup & ArchiveGroup)[] = [];
  for (const address of groups ?? announced.map(({ group }) => group)) {
    read.push(await groupIn(scope, address, window, { listOf, onProgress }));
  }
  const { files, unread } = archiveCopies(roots, read, window);
  return { groups: read, announced, window, files, unread };
}

async function groupIn(
  { provider, lens }: StandingScope,
  address: string,
  window: ArchiveStanding["window"],
  { listOf, onProgress }: { listOf: ListSource; onProgress: StandingProgress | undefined },
): Promise<StandingGroup & ArchiveGroup> {
  const group = { address, lens };
  const page = await (await openGroup(provider, group)).page();
  const holdings = await groupHoldings(provider, group, {
    to: window.to - 1,
    onProgress: (block, to) => onProgress?.(address, block, to),
  });
  const committee = (page.state.service?.committee ?? ZeroAddress).toLowerCase() as Hex;
  const lists = new Map<Hex, ReadonlySet<string>>();
  await inParallel(wantedLists(holdings, window), listsAtOnce, async (held) => {
    const found = await listOf({ group: address, committee, held });
    if (found !== undefined) lists.set(held.listRoot, found);
  });
  return { page, holdings, rootsOf: (listRoot) => lists.get(listRoot) };
}

/** Each list once for each provider that committed to it in the window. */
function wantedLists({ held }: GroupHoldings, { from, to }: ArchiveStanding["window"]): HeldData[] {
  const wanted = held.filter((one) => one.bytes > 0n && one.from < to && (one.to ?? to) > from);
  return [...new Map(wanted.map((one) => [`${one.provider} ${one.listRoot}`, one])).values()];
}
