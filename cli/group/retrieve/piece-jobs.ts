/** Finds the pieces of a group, the providers that store each of them, and the names of their files. */
import { basename } from "node:path";
import { ZeroAddress, type JsonRpcProvider } from "ethers";
import {
  dataAt,
  GroupView,
  type DataChange,
  type GroupAt,
  type ProviderAccount,
} from "../../../client/group-view.ts";
import { registryOfGroup } from "../../../client/group-plans.ts";
import { registeredProvider, registryAt } from "../../../client/registry.ts";
import { providerClient, type Caller } from "../../../keeper/adapters/libp2p/provider.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { peerIdText } from "../../../provider/chain-reads.ts";
import { fromHex, toHex } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { usageError } from "../../console/exit.ts";
import { readJsonInput } from "../../console/json-input.ts";
import { createdGroup } from "../files/created-group.ts";
import type { Source } from "./download.ts";

const listTimeout_ms = 60_000;

/** The data of a provider: in force now, else the last one. */
function committed({ data }: ProviderAccount, head: number): DataChange | undefined {
  return dataAt(data, head) ?? data.findLast(({ bytes }) => bytes > 0n);
}

async function wantedProviders(view: GroupView, only: number | undefined): Promise<ProviderAccount[]> {
  const all = await view.providers();
  if (only === undefined) {
    const present = all.filter(({ closed }) => !closed);
    return present.length > 0 ? present : all;
  }
  const one = all.filter(({ index }) => index === only);
  if (one.length > 0) return one;
  throw usageError(`the group has no provider ${only}`, { expected: `an index below ${all.length}` });
}

export type ListScope = {
  readonly provider: JsonRpcProvider;
  readonly group: GroupAt;
  /** Index of the only provider to use; undefined: all. */
  readonly only: number | undefined;
};

type Listed = {
  readonly jobs: Map<string, { entry: PieceEntry; sources: Source[] }>;
  readonly failures: string[];
};

/** The pieces of the selected providers, each with all providers that store it. */
export async function listPieces(caller: Caller, scope: ListScope): Promise<Listed> {
  const { provider, group, only } = scope;
  const view = new GroupView(provider, group);
  const [registry, { state }] = await Promise.all([registryOfGroup(provider, group), view.page()]);
  const [head, { chainId }] = await Promise.all([provider.getBlockNumber(), provider.getNetwork()]);
  const client = providerClient(caller);
  const jobs: Listed["jobs"] = new Map();
  const failures: string[] = [];
  for (const account of await wantedProviders(view, only)) {
    const data = committed(account, head);
    if (data === undefined) continue;
    const { peerId, multiaddrs } = await registeredProvider(registryAt(registry, provider), account.operator);
    const target = { peerId: peerIdText(fromHex(peerId)), addrs: multiaddrs };
    const query = {
      chainId: Number(chainId),
      committee: (state.service?.committee ?? ZeroAddress).toLowerCase() as Hex,
      group: group.address.toLowerCase() as Hex,
      provider: account.index,
      listRoot: data.listRoot as Hex,
      bytes: data.bytes,
    };
    const listed = await client.pieceList(target, query, { timeout_ms: listTimeout_ms });
    if (!listed.ok) {
      failures.push(`provider ${account.index}: no list of pieces: ${listed.reason}: ${listed.detail}`);
      continue;
    }
    for (const entry of listed.list.pieces) {
      const job = jobs.get(toHex(entry.root)) ?? { entry, sources: [] };
      job.sources.push({ provider: account.index, target });
      jobs.set(toHex(entry.root), job);
    }
  }
  return { jobs, failures };
}

/** File names by root, made distinct. A piece without a name is stored under its root. */
export async function namesOf(file: string | undefined): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  if (file === undefined) return names;
  const taken = new Set<string>();
  for (const { root, name } of (await readJsonInput(file, createdGroup)).pieces) {
    const plain = basename(name);
    if (plain === "" || plain === "." || plain === "..") continue;
    names.set(root, taken.has(plain) ? `${root.slice(2, 10)}-${plain}` : plain);
    taken.add(plain);
  }
  return names;
}
