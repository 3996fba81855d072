/** How an archive stands, with the piece lists that its providers give over libp2p (R46). Needs no key. */
import type { JsonRpcProvider } from "ethers";
import { manifestRoot, canonicalBytes, filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile, Manifest } from "../../archive/schema.ts";
import type { FileCopies } from "../../archive/copies.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { archiveStanding, type ArchiveStanding, type WantedList } from "../../client/standing.ts";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { Hex } from "../../protocol/hash.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import { KnownLists } from "./known-lists.ts";
import { targetOf } from "../store/discover.ts";
import type { Line } from "../store/wire.ts";
import { withChain, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { registeredLocator } from "../chain/relays.ts";
import { dialingNode } from "../group/retrieve/download.ts";

const listTimeout_ms = 30_000;

export type StandingQuery = {
  /** Undefined: those that announced this edition or the one before it. */
  readonly groups: readonly string[] | undefined;
  readonly days: number;
  /** Folder of the piece lists that were read before. */
  readonly lists: string;
};

export type ListScope = {
  readonly provider: JsonRpcProvider;
  readonly registry: string;
  readonly line: Line;
  readonly known: KnownLists;
};

export type FileStanding = { readonly file: ArchiveFile; readonly copies: FileCopies };

export type Standing = Pick<ArchiveStanding, "window" | "unread"> & {
  readonly manifest: Hex;
  readonly groups: readonly string[];
  readonly files: readonly FileStanding[];
};

/** Opens chain and network, reads how the archive stands, and closes both when `work` is done. */
export async function withStanding<T>(
  options: PayerOptions,
  manifest: Manifest,
  { groups, days, lists }: StandingQuery,
  work: (standing: Standing, provider: JsonRpcProvider, line: Line) => Promise<T>,
): Promise<T> {
  const root = manifestRoot(canonicalBytes(manifest));
  const files = filesOf(manifest);
  return withChain(options, async (provider, payer) => {
    const contracts = await contractsOf(provider, payer);
    const libp2p = await dialingNode();
    const locator = registeredLocator(libp2p, provider, async () => contracts.registry);
    try {
      const { registry } = contracts;
      const line = { libp2p, locator };
      const scope = { provider, registry, line, known: new KnownLists(lists) };
      const standing = await archiveStanding(
        { provider, ...contracts },
        { manifest: root, previous: manifest.previous, roots: files.map((one) => one.root), groups, days },
        (wanted) => rootsIn(scope, wanted),
      );
      return await work(
        {
          manifest: root,
          groups: standing.groups.map(({ page }) => page.address),
          window: standing.window,
          files: files.map((file, i) => ({ file, copies: standing.files[i] as FileCopies })),
          unread: standing.unread,
        },
        provider,
        line,
      );
    } finally {
      await libp2p.stop();
    }
  });
}

/** Piece roots of a list, from an earlier run or the provider that committed to it, checked against the list's root; undefined if it does not give it. */
export async function rootsIn(
  { provider, registry, line, known }: ListScope,
  { group, committee, held }: WantedList,
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
