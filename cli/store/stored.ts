/** What the providers of a group store: each one's piece list, checked against the chain, and the newest catalogue among them. */
import { ZeroAddress } from "ethers";
import {
  dataAt,
  GroupView,
  type DataChange,
  type GroupAt,
  type GroupPage,
  type ProviderAccount,
} from "../../client/group-view.ts";
import { registeredProvider, registryAt } from "../../client/registry.ts";
import { openEnvelope } from "../../client/storing/age-envelope.ts";
import { OpenedSource } from "../../client/storing/age-stream.ts";
import {
  catalogueName,
  decodeCatalogue,
  emptyCatalogue,
  maxCatalogueBytes,
  newestCatalogue,
  type Catalogue,
} from "../../client/storing/catalogue.ts";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { ProviderTarget } from "../../keeper/ports/provider.ts";
import type { Permission } from "../../protocol/codec/permission.ts";
import type { Hex } from "../../protocol/hash.ts";
import { concatBytes, equalBytes, toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import { rangeCount } from "../../storage/core/range.ts";
import { fetchRange } from "../group/retrieve/download.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { nodeCipher } from "./cipher.ts";
import { inParallel } from "../../client/in-parallel.ts";
import { targetOf } from "./discover.ts";
import { lower, readPermission, type Session } from "./session.ts";
import { askStore } from "./wire.ts";

const listTimeout_ms = 30_000;
const providersAtOnce = 16;

/** A provider of the group that has not left. */
export type Holder = {
  readonly account: ProviderAccount;
  readonly target: ProviderTarget;
  /** The newest data that it consented to; it may take effect with the next slot. */
  readonly data: DataChange;
  /** Undefined if the provider did not answer, with the reason in `fault`. */
  readonly list: PieceList | undefined;
  /** Root of the piece that holds its catalogue. */
  readonly catalogueRoot: Hex | undefined;
  readonly fault: string | undefined;
};

export type StoredGroup = {
  readonly group: GroupAt;
  readonly page: GroupPage;
  readonly head: number;
  readonly holders: readonly Holder[];
  readonly catalogue: Catalogue;
  readonly permission: Permission;
};

/** The newest change of a provider that stores something. */
export function newest({ data }: ProviderAccount, head: number): DataChange | undefined {
  return data.findLast(({ bytes }) => bytes > 0n) ?? dataAt(data, head);
}

/** Reads the group from chain and providers. A provider that does not answer is in it, with its reason. */
export async function readStored(session: Session, group: GroupAt): Promise<StoredGroup> {
  const { provider, registry } = session;
  const view = new GroupView(provider, group);
  const [page, accounts, head] = await Promise.all([
    view.page(),
    view.providers(),
    provider.getBlockNumber(),
  ]);
  const permission = await readPermission(session, group.address);
  const open = accounts.filter((account) => !account.closed && newest(account, head) !== undefined);
  const found: Catalogue[] = [];
  const holders = await inParallel(open, providersAtOnce, async (account): Promise<Holder> => {
    const data = newest(account, head) as DataChange;
    const target = targetOf(await registeredProvider(registryAt(registry, provider), account.operator));
    const base = { account, target, data };
    const listed = await listOf(session, { group, page, ...base });
    if (!listed.ok) return { ...base, list: undefined, catalogueRoot: undefined, fault: listed.why };
    try {
      const catalogue = await catalogueAt(session, { group, permission, target, list: listed.list });
      found.push(catalogue.read);
      return { ...base, list: listed.list, catalogueRoot: catalogue.root, fault: undefined };
    } catch (error) {
      session.signal.throwIfAborted();
      return {
        ...base,
        list: listed.list,
        catalogueRoot: undefined,
        fault: `no catalogue: ${(error as Error).message}`,
      };
    }
  });
  const catalogue = newestCatalogue(found);
  const faults = holders.flatMap(({ account, fault }) =>
    fault === undefined ? [] : [`${account.operator}: ${fault}`],
  );
  if (catalogue === undefined && faults.length > 0) {
    throw new CliError({
      code: exitCodes.network,
      message: `no provider of group ${group.address} gives the catalogue`,
      actual: faults.join("; "),
      hint: "try again later; `whitepay group retrieve` fetches pieces by their roots",
    });
  }
  return { group, page, head, holders, catalogue: catalogue ?? emptyCatalogue, permission };
}

type ListScope = Pick<Holder, "account" | "target" | "data"> & Pick<StoredGroup, "group" | "page">;
type Listed = { readonly ok: true; readonly list: PieceList } | { readonly ok: false; readonly why: string };

async function listOf(session: Session, { group, page, account, target, data }: ListScope): Promise<Listed> {
  const query = {
    chainId: session.chainId,
    committee: lower(page.state.service?.committee ?? ZeroAddress),
    group: lower(group.address),
    provider: account.index,
    listRoot: lower(data.listRoot),
    bytes: data.bytes,
  };
  const limits = { timeout_ms: listTimeout_ms, signal: session.signal };
  const listed = await providerClient(session.line).pieceList(target, query, limits);
  session.signal.throwIfAborted();
  return listed.ok ? listed : { ok: false, why: `${listed.reason}: ${listed.detail}` };
}

type CatalogueScope = {
  readonly group: GroupAt;
  readonly permission: Permission;
  readonly target: ProviderTarget;
  readonly list: PieceList;
};

/**
 * The piece that the provider holds under the catalogue's name. It must be in the list whose root is on chain: so the payer itself put it
 * there, and no provider can make one up.
 */
type ReadCatalogue = { readonly root: Hex; readonly read: Catalogue };

async function catalogueAt(session: Session, scope: CatalogueScope): Promise<ReadCatalogue> {
  const { group, permission, target, list } = scope;
  const { chainId, line, identity } = session;
  const wish = { chainId, group: lower(group.address), name: catalogueName, ...permission };
  const found = await askStore(line, target, { kind: "find", ...wish });
  const pieces = list.pieces.map((one) => one);
  // The name may stand for a newer list, to which the provider consented and which is not on chain yet: then the last piece counts.
  const entry = pieces.find((one) => equalBytes(one.root, found.root)) ?? pieces.at(-1);
  if (entry === undefined) throw new Error("its list is empty");
  const bytes = await smallPiece(session, scope, entry);
  const envelope = await openEnvelope(bytes, identity.identity);
  if (!envelope.ok) throw new Error(envelope.detail);
  const file = {
    size: bytes.length,
    read: (start: number, count: number) => Promise.resolve(bytes.subarray(start, start + count)),
  };
  const opened = new OpenedSource(file, envelope.value, nodeCipher);
  const decoded = decodeCatalogue(await opened.read(0, opened.size));
  if (!decoded.ok) throw new Error(`it cannot be read: ${decoded.detail}`);
  return { root: toHex(entry.root), read: decoded.value };
}

/** A piece of limited size, in memory. */
async function smallPiece(
  session: Session,
  { group, permission, target }: CatalogueScope,
  entry: PieceEntry,
): Promise<Uint8Array> {
  const most = 2 * maxCatalogueBytes;
  if (entry.size > most) throw new Error(`expected at most ${most} bytes, actual ${entry.size}`);
  const { libp2p, line, chainId, signal } = session;
  const scope = { libp2p, locator: line.locator, chainId, group: lower(group.address), permission, signal };
  const parts: Uint8Array[] = [];
  for (let range = 0; range < rangeCount(entry.size); range++) {
    const got = await fetchRange({ scope, entry, source: { target } }, range);
    if (!got.ok) throw new Error(got.why);
    parts.push(got.bytes);
  }
  return concatBytes(...parts);
}
