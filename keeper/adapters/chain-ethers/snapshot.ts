/** Reads the state of a group at one block as a snapshot for the core. */
import type {
  Committee,
  DataCheckpoint,
  GroupParams,
  GroupSnapshot,
  Member,
  ProviderEntry,
} from "../../../protocol/group.ts";
import { bitIndices } from "../../../protocol/bitmap.ts";
import { groupParams } from "../../../protocol/group.ts";
import { fromHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { groupAbi } from "./abi.ts";
import { inParallel } from "./parallel.ts";
import { call, compressG2 } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import type { RpcPool } from "../../../daemon/chain/rpc.ts";

const pageSize = 64n;

function lower(address: string): Hex {
  return address.toLowerCase() as Hex;
}

/**
 * A routine read requests the data of every n-th provider only, and of providers whose row differs: a group has up to 256 providers, and
 * endpoints limit clients.
 */
const rereadEvery = 16;

type ProviderRow = {
  readonly index: bigint;
  readonly operator: string;
  readonly activeFrom: bigint;
  readonly removedAt: bigint;
  readonly bytesNow: bigint;
  readonly firstCheckpoint: bigint;
  readonly checkpointCount: bigint;
  readonly sequence: bigint;
};

type KnownHistory = { readonly row: string; readonly history: readonly DataCheckpoint[] };

/** Reads state on which keepers act from two endpoints, if there are two (D7). */
export class SnapshotReader {
  readonly #chainId: number;
  readonly #ask: Ask;
  readonly #params = new Map<Hex, GroupParams>();
  /** Members by the address of their keys blob. A version with other keys has another blob. */
  readonly #members = new Map<string, readonly Member[]>();
  /** By group and provider index. */
  readonly #histories = new Map<Hex, ReadonlyMap<number, KnownHistory>>();

  constructor(chainId: number, rpc: RpcPool) {
    this.#chainId = chainId;
    this.#ask = (method, params) => rpc.sendAgreed(method, params);
  }

  /** @param routine no log shows a change of the group, so data read before may be used again */
  async read(group: Hex, block: number, routine = false): Promise<GroupSnapshot> {
    const params = await this.#readParams(group, block);
    const [state] = await this.#call(group, "state", [], block);
    const committee = await this.#readCommittee(group, "committee", block);
    const pending =
      state.pendingCommittee === 0n ? undefined : await this.#readCommittee(group, "pendingCommittee", block);
    if (committee === undefined)
      throw new Error(
        `group ${group}: expected a committee, actual none; check the address in the configuration`,
      );
    const endBlock = Number(state.endBlock);
    const rows = await this.#readRows(group, Number(state.providerCount), block);
    const turn = Math.floor((block - params.originBlock) / params.slot) % rereadEvery;
    const histories = await this.#readHistories(group, rows, block, routine ? turn : undefined);
    const providers = rows.map((row): ProviderEntry => {
      const index = Number(row.index);
      const history = [...(histories.get(index)?.history ?? [])];
      // R33: after a terminate the commitment ends after the lockup.
      if (endBlock > 0) history.push({ ...emptyData, fromBlock: endBlock });
      return { index, operator: lower(row.operator), activeFrom: Number(row.activeFrom), history };
    });
    return {
      chainId: this.#chainId,
      address: group,
      block,
      params,
      ts: Number(state.settledThrough),
      ...(endBlock > 0 ? { endBlock } : {}),
      committee,
      pending,
      providers,
    };
  }

  #call(group: Hex, name: string, args: readonly unknown[], block: number): ReturnType<typeof call> {
    return call(this.#ask, groupAbi, group, name, args, block);
  }

  async #readParams(group: Hex, block: number): Promise<GroupParams> {
    const known = this.#params.get(group);
    if (known !== undefined) return known;
    const [{ originBlock, config }] = await this.#call(group, "parameters", [], block);
    const params = groupParams(originBlock, config);
    this.#params.set(group, params);
    return params;
  }

  async #readCommittee(group: Hex, name: string, block: number): Promise<Committee | undefined> {
    const [committee] = await this.#call(group, name, [], block);
    if (committee.version === 0n) return undefined;
    const key = `${group}/${committee.version}/${committee.keysBlob}`;
    let members = this.#members.get(key);
    if (members === undefined) {
      const args = [committee.version, 0n, BigInt(committee.operators.length)];
      const [rows] = await this.#call(group, "members", args, block);
      members = [...rows].map((row) => ({
        operator: lower(row.operator),
        blsKey: compressG2(fromHex(row.blsKey)),
      }));
      this.#members.set(key, members);
    }
    const accepted = bitIndices(BigInt(committee.accepted));
    return { version: Number(committee.version), seed: committee.seed, members, accepted };
  }

  async #readRows(group: Hex, count: number, block: number): Promise<ProviderRow[]> {
    const pages = Array.from({ length: Math.ceil(count / Number(pageSize)) }, (_, i) => BigInt(i) * pageSize);
    const rows = await inParallel(pages, async (from) => {
      const [page] = await this.#call(group, "providers", [from, pageSize], block);
      return [...page].filter((row) => !row.closed);
    });
    return rows.flat();
  }

  /** @param turn selects the providers that are read in any case; undefined: all */
  async #readHistories(
    group: Hex,
    rows: readonly ProviderRow[],
    block: number,
    turn: number | undefined,
  ): Promise<ReadonlyMap<number, KnownHistory>> {
    const before = this.#histories.get(group);
    const read = await inParallel(rows, async (provider): Promise<[number, KnownHistory]> => {
      const index = Number(provider.index);
      const row = rowKey(provider);
      const known = before?.get(index);
      const due = turn === undefined || index % rereadEvery === turn || known?.row !== row;
      if (!due && known !== undefined) return [index, known];
      return [index, { row, history: await this.#readHistory(group, provider, block) }];
    });
    const histories = new Map(read);
    this.#histories.set(group, histories);
    return histories;
  }

  async #readHistory(group: Hex, row: ProviderRow, block: number): Promise<DataCheckpoint[]> {
    const history: DataCheckpoint[] = [];
    for (let from = row.firstCheckpoint; from < row.checkpointCount; from += pageSize) {
      const [page] = await this.#call(group, "dataHistory", [row.index, from, pageSize], block);
      for (const c of page) {
        history.push({
          fromBlock: Number(c.fromBlock),
          bytes: BigInt(c.size),
          listRoot: c.root,
          receiptKey: lower(c.receiptKey),
        });
      }
    }
    return history;
  }
}

/** Fields that differ after every change of a provider's data. */
function rowKey(row: ProviderRow): string {
  const { firstCheckpoint, checkpointCount, sequence, removedAt, bytesNow } = row;
  return [firstCheckpoint, checkpointCount, sequence, removedAt, bytesNow].join("/");
}

const emptyData: DataCheckpoint = {
  fromBlock: 0,
  bytes: 0n,
  listRoot: `0x${"00".repeat(32)}`,
  receiptKey: `0x${"00".repeat(20)}`,
};
