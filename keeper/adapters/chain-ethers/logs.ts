/** Reads events in bounded ranges of blocks, from two endpoints if there are two (D7). */
import type { Interface } from "ethers";
import type { Hex } from "../../../protocol/hash.ts";
import type { HeadBlock } from "../../../daemon/chain/heads.ts";
import { RpcError } from "../../../daemon/chain/endpoint.ts";
import { blockTag } from "../../../daemon/chain/rpc.ts";
import type { RpcPool } from "../../../daemon/chain/rpc.ts";
import { Contradiction } from "./blocks.ts";

export type ChainEvent = {
  /** Lower-case address of the contract. */
  readonly address: Hex;
  readonly block: number;
  readonly tx: Hex;
  readonly name: string;
  /** By parameter name. */
  readonly args: Readonly<Record<string, unknown>>;
};

type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: string;
};

export type LogQuery = {
  /** Undefined: of all contracts. */
  readonly addresses: readonly Hex[] | undefined;
  readonly topics: readonly (string | null)[];
  readonly abi: (address: Hex) => Interface;
};

export type BlockRange = { readonly from: number; readonly head: HeadBlock };

/** Endpoints refuse ranges above their limit; the first request tries this many blocks. */
const mostBlocks = 10_000;
/** Addresses in one request. */
const mostAddresses = 100;

export class LogReader {
  readonly #rpc: RpcPool;
  /** Canonical hash of a block, if it is known. */
  readonly #hashAt: (block: number) => Hex | undefined;
  /** Blocks in one request: halved when an endpoint refuses, doubled when it answers. */
  #span = mostBlocks;

  constructor(rpc: RpcPool, hashAt: (block: number) => Hex | undefined) {
    this.#rpc = rpc;
    this.#hashAt = hashAt;
  }

  /**
   * Events of the blocks from `from` through the head, in the order of the chain.
   * @throws Contradiction if an event lies in a block that is not canonical
   */
  async read({ addresses, topics, abi }: LogQuery, { from, head }: BlockRange): Promise<ChainEvent[]> {
    if (from > head.number || addresses?.length === 0) return [];
    const logs: RawLog[] = [];
    for (const filter of filtersOf(addresses, topics)) {
      for (let first = from; first < head.number;) {
        const last = Math.min(head.number - 1, first + this.#span - 1);
        const found = await this.#range(filter, first, last);
        if (found === undefined) continue;
        logs.push(...found);
        first = last + 1;
      }
      // By hash: an endpoint that lags has no such block, and would answer a range without its events.
      logs.push(...(await this.#ask({ ...filter, blockHash: head.hash })));
    }
    return logs.sort(byPlace).flatMap((log) => this.#decoded(log, head, abi));
  }

  /** Undefined: the endpoint refuses so many blocks at once. */
  async #range(filter: object, from: number, to: number): Promise<RawLog[] | undefined> {
    try {
      const found = await this.#ask({ ...filter, fromBlock: blockTag(from), toBlock: blockTag(to) });
      this.#span = Math.min(mostBlocks, 2 * this.#span);
      return found;
    } catch (error) {
      if (!(error instanceof RpcError) || to === from) throw error;
      this.#span = Math.max(1, Math.floor((to - from + 1) / 2));
      return undefined;
    }
  }

  async #ask(filter: object): Promise<RawLog[]> {
    const answer = await this.#rpc.sendAgreed("eth_getLogs", [filter], keyOf);
    if (!Array.isArray(answer)) throw new Error(`eth_getLogs: expected a list, actual ${typeof answer}`);
    return answer as RawLog[];
  }

  #decoded(log: RawLog, head: HeadBlock, abi: LogQuery["abi"]): ChainEvent[] {
    const block = Number(log.blockNumber);
    const expected = block === head.number ? head.hash : this.#hashAt(block);
    if (expected !== undefined && expected !== log.blockHash)
      throw new Contradiction(`event in block ${block}: expected ${expected}, actual ${log.blockHash}`);
    const address = log.address.toLowerCase() as Hex;
    const parsed = abi(address).parseLog({ topics: [...log.topics], data: log.data });
    if (parsed === null) return [];
    const { fragment, args, name } = parsed;
    const named = Object.fromEntries(fragment.inputs.map((input, i) => [input.name, args[i] as unknown]));
    return [{ address, block, tx: log.transactionHash, name, args: named }];
  }
}

function filtersOf(
  addresses: LogQuery["addresses"],
  topics: LogQuery["topics"],
): { readonly address?: readonly Hex[]; readonly topics: LogQuery["topics"] }[] {
  if (addresses === undefined) return [{ topics }];
  return Array.from({ length: Math.ceil(addresses.length / mostAddresses) }, (_, i) => ({
    address: addresses.slice(i * mostAddresses, (i + 1) * mostAddresses),
    topics,
  }));
}

function byPlace(a: RawLog, b: RawLog): number {
  return Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex);
}

/** Endpoints add fields of their own; these decide whether two answers are equal. */
function keyOf(answer: unknown): string {
  if (!Array.isArray(answer)) return JSON.stringify(answer);
  return JSON.stringify(
    (answer as RawLog[]).map(({ address, topics, data, blockHash, transactionHash, logIndex }) => [
      address.toLowerCase(),
      topics,
      data,
      blockHash,
      transactionHash,
      Number(logIndex),
    ]),
  );
}
