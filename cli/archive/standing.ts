/** How an archive stands: its groups, the lists of their providers, and the proven copies of each file (R46). Needs no key. */
import type { JsonRpcProvider } from "ethers";
import { ZeroAddress } from "ethers";
import { manifestRoot, canonicalBytes, filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import type { FileCopies } from "../../archive/copies.ts";
import { announcedIn, archiveCopies, blockSince, type ArchiveGroup } from "../../client/archives.ts";
import { GroupView } from "../../client/group-view.ts";
import { groupHoldings, type GroupHoldings, type HeldData } from "../../client/holdings.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { KnownLists } from "./known-lists.ts";
import { inParallel, targetOf } from "../store/discover.ts";
import type { Line } from "../store/wire.ts";
import { withChain, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { registeredLocator } from "../chain/relays.ts";
import { dialingNode } from "../group/retrieve/download.ts";

const listTimeout_ms = 30_000;
const listsAtOnce = 16;

export type StandingQuery = {
  /** Undefined: those that announced this edition or the one before it. */
  readonly groups: readonly string[] | undefined;
  readonly days: number;
  /** Folder of the piece lists that were read before. */
  readonly lists: string;
};

type StandingScope = {
  readonly provider: JsonRpcProvider;
  readonly registry: string;
  readonly factory: string;
  readonly lens: string;
  readonly line: Line;
  readonly known: KnownLists;
};

export type FileStanding = { readonly file: ArchiveFile; readonly copies: FileCopies };

export type Standing = {
  readonly manifest: Hex;
  readonly groups: readonly string[];
  /** The blocks [from, to) that were looked at. */
  readonly window: { readonly from: number; readonly to: number };
  readonly files: readonly FileStanding[];
  /** Data whose list no provider gives: its files are not counted. */
  readonly unread: readonly HeldData[];
};

/** Opens chain and network, reads how the archive stands, and closes both when `work` is done. */
export async function withStanding<T>(
  options: PayerOptions,
  manifest: Manifest,
  query: StandingQuery,
  work: (standing: Standing, provider: JsonRpcProvider) => Promise<T>,
): Promise<T> {
  return withChain(options, async (provider, payer) => {
    const contracts = await contractsOf(provider, payer);
    const libp2p = await dialingNode();
    const locator = registeredLocator(libp2p, provider, async () => contracts.registry);
    try {
      const scope = { provider, ...contracts, line: { libp2p, locator }, known: new KnownLists(query.lists) };
      return await work(await standingOf(scope, manifest, query), provider);
    } finally {
      await libp2p.stop();
    }
  });
}

async function standingOf(
  scope: StandingScope,
  manifest: Manifest,
  { groups, days }: StandingQuery,
): Promise<Standing> {
  const { provider, registry, factory } = scope;
  const root = manifestRoot(canonicalBytes(manifest));
  const roots = manifest.previous === null ? [root] : [root, manifest.previous];
  const addresses =
    groups ?? (await announcedIn(provider, { registry, factory }, roots)).map(({ group }) => group);
  const head = await provider.getBlock("latest");
  if (head === null) throw new Error("the endpoint gives no newest block");
  const from = await blockSince(provider, head.timestamp - days * 86_400);
  const window = { from, to: head.number + 1 };
  const read: ArchiveGroup[] = [];
  for (const address of addresses) read.push(await groupIn(scope, address, window));
  const files = filesOf(manifest);
  const counted = archiveCopies(
    files.map((file) => file.root),
    read,
    window,
  );
  const standing = files.map((file, i) => ({ file, copies: counted.files[i] as FileCopies }));
  return { manifest: root, groups: addresses, window, files: standing, unread: counted.unread };
}

async function groupIn(
  scope: StandingScope,
  address: string,
  window: { readonly from: number; readonly to: number },
): Promise<ArchiveGroup> {
  const group = { address, lens: scope.lens };
  const [holdings, page] = await Promise.all([
    groupHoldings(scope.provider, group),
    new GroupView(scope.provider, group).page(),
  ]);
  const committee = (page.state.service?.committee ?? ZeroAddress).toLowerCase() as Hex;
  const lists = new Map<Hex, ReadonlySet<string>>();
  await inParallel(wantedLists(holdings, window), listsAtOnce, async (held) => {
    const found = await rootsIn(scope, { group: address, committee, held });
    if (found !== undefined) lists.set(held.listRoot, found);
  });
  return { holdings, rootsOf: (listRoot) => lists.get(listRoot) };
}

/** Each list once for each provider that committed to it in the window. */
function wantedLists(
  { held }: GroupHoldings,
  { from, to }: { readonly from: number; readonly to: number },
): HeldData[] {
  const wanted = held.filter((one) => one.bytes > 0n && one.from < to && (one.to ?? to) > from);
  return [...new Map(wanted.map((one) => [`${one.provider} ${one.listRoot}`, one])).values()];
}

/** Piece roots of a list, from an earlier run or the provider that committed to it, checked against the list's root; undefined if it does not give it. */
async function rootsIn(
  { provider, registry, line, known }: StandingScope,
  { group, committee, held }: { readonly group: string; readonly committee: Hex; readonly held: HeldData },
): Promise<ReadonlySet<string> | undefined> {
  const listRoot = held.listRoot.toLowerCase() as Hex;
  const kept = await known.get(listRoot);
  if (kept !== undefined) return rootsOf(kept);
  const { chainId } = await provider.getNetwork();
  const target = targetOf(await registeredProvider(registryAt(registry, provider), held.operator));
  const query = {
    chainId: Number(chainId),
    committee,
    group: group.toLowerCase() as Hex,
    provider: held.provider,
    listRoot,
    bytes: held.bytes,
  };
  const listed = await providerClient(line).pieceList(target, query, { timeout_ms: listTimeout_ms });
  if (!listed.ok) return undefined;
  await known.put(listed.list);
  return rootsOf(listed.list);
}

function rootsOf({ pieces }: PieceList): ReadonlySet<string> {
  return new Set(pieces.map(({ root }) => toHex(root)));
}
