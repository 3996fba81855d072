/** Reads a group's state at one block into the core's terms. */
import type {
  Committee,
  DataCheckpoint,
  GroupParams,
  GroupSnapshot,
  Member,
  ProviderEntry,
} from "../../core/group.ts";
import { bits } from "../../core/hash.ts";
import type { Hex } from "../../core/hash.ts";
import { groupAbi } from "./abi.ts";
import { inParallel } from "./parallel.ts";
import { call, compressG2 } from "./calls.ts";
import type { Ask } from "./calls.ts";
import type { RpcPool } from "./rpc.ts";

const pageSize = 64n;

function lower(address: string): Hex {
  return address.toLowerCase() as Hex;
}

/** What keepers act on is read from two endpoints, where there are two (D7). */
export class SnapshotReader {
  readonly #chainId: number;
  readonly #ask: Ask;
  readonly #params = new Map<Hex, GroupParams>();
  /** Members by keys blob: a version whose keys change gets another blob. */
  readonly #members = new Map<string, readonly Member[]>();

  constructor(chainId: number, rpc: RpcPool) {
    this.#chainId = chainId;
    this.#ask = (method, params) => rpc.sendAgreed(method, params);
  }

  async read(group: Hex, block: number): Promise<GroupSnapshot> {
    const params = await this.#readParams(group, block);
    const [state] = await this.#call(group, "state", [], block);
    const committee = await this.#readCommittee(group, "committee", block);
    const pending =
      state.pendingCommittee === 0n ? undefined : await this.#readCommittee(group, "pendingCommittee", block);
    if (committee === undefined) throw new Error(`${group} has no committee: not a group of this protocol?`);
    const endBlock = Number(state.endBlock);
    const providers = await this.#readProviders(group, Number(state.providerCount), endBlock, block);
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
    const params: GroupParams = {
      originBlock: Number(originBlock),
      interval: Number(config.interval),
      turn: Number(config.turn),
      slot: Number(config.slot),
      answer: Number(config.answer),
      confirmations: Number(config.confirmations),
      lockup: Number(config.lockup),
      price: BigInt(config.price),
      keeperShareBps: Number(config.keeperShareBps),
      toleranceBps: Number(config.toleranceBps),
    };
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
        blsKey: compressG2(Buffer.from(row.blsKey.slice(2), "hex")),
      }));
      this.#members.set(key, members);
    }
    const accepted = bits(BigInt(committee.accepted));
    return { version: Number(committee.version), seed: committee.seed, members, accepted };
  }

  async #readProviders(group: Hex, count: number, endBlock: number, block: number): Promise<ProviderEntry[]> {
    const pages = Array.from({ length: Math.ceil(count / Number(pageSize)) }, (_, i) => BigInt(i) * pageSize);
    const rows = (
      await inParallel(pages, async (from) => {
        const [page] = await this.#call(group, "providers", [from, pageSize], block);
        return [...page].filter((row) => !row.closed);
      })
    ).flat();
    return inParallel(rows, async (row) => {
      const history = await this.#readHistory(group, row, block);
      // R33: after a terminate the commitment ends with the lockup.
      if (endBlock > 0) history.push({ ...emptyData, fromBlock: endBlock });
      const activeFrom = Number(row.activeFrom);
      return { index: Number(row.index), operator: lower(row.operator), activeFrom, history };
    });
  }

  async #readHistory(
    group: Hex,
    row: { index: bigint; firstCheckpoint: bigint; checkpointCount: bigint },
    block: number,
  ): Promise<DataCheckpoint[]> {
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

const emptyData: DataCheckpoint = {
  fromBlock: 0,
  bytes: 0n,
  listRoot: `0x${"00".repeat(32)}`,
  receiptKey: `0x${"00".repeat(20)}`,
};
