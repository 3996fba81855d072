/** ChainView over JSON-RPC: several endpoints (D7), and caches for one head, so that a challenge needs few calls. */
import { Interface } from "ethers";
import { publicKeyFromProtobuf } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { call, compressG2, NoContract } from "../daemon/chain/calls.ts";
import { RpcPool, RpcUnavailable } from "../daemon/chain/rpc.ts";
import * as abi from "../protocol/abi.ts";
import { fromHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";
import type { ProviderConfig } from "./config.ts";
import type { ChainView, CommittedData, GroupTimes, KeeperSeat } from "./ports.ts";

const groupAbi = new Interface(abi.groupAbi);
const registryAbi = new Interface(abi.registryAbi);

/** Limit for one call at one endpoint; a keeper waits a few seconds for the whole answer. */
const callTimeout_ms = 2_000;
/** One challenge reads the head several times: within this time it is read from the chain once. */
const headMaxAge_ms = 100;
/** At the start one block this far back is read, to measure the pace of blocks. */
const paceBlocks = 100;
const maxMembers = 124;

export type ChainOptions = {
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly registry: Hex;
  readonly groups: readonly Hex[];
  /** This provider's operator address. */
  readonly operator: Hex;
};

/** No endpoint answered, or one serves another chain. */
export class ChainError extends Error {
  override readonly name = "ChainError";
}

const now_ms = (): number => performance.timeOrigin + performance.now();

/** Values read at one head; dropped when the head moves. */
class HeadCache {
  #head = -1;
  #values = new Map<string, Promise<unknown>>();

  get<T>(head: number, key: string, load: () => Promise<T>): Promise<T> {
    if (head !== this.#head) {
      this.#head = head;
      this.#values = new Map();
    }
    let value = this.#values.get(key) as Promise<T> | undefined;
    if (value === undefined) {
      value = load();
      this.#values.set(key, value);
      // Failures are not cached.
      value.catch(() => this.#values.delete(key));
    }
    return value;
  }
}

export class EthersChainView implements ChainView {
  readonly chainId: number;
  readonly #options: ChainOptions;
  readonly #rpc: RpcPool;
  readonly #cache = new HeadCache();
  readonly #times = new Map<Hex, GroupTimes>();
  readonly #compressed = new Map<string, Hex>();
  #seen: number | undefined;
  #headAt_ms = Number.NEGATIVE_INFINITY;
  #headNow: Promise<number> = Promise.resolve(-1);

  constructor(options: ChainOptions) {
    this.chainId = options.chainId;
    this.#options = options;
    const { chainId, rpc: urls } = options;
    this.#rpc = new RpcPool({ chainId, urls, timeout_ms: callTimeout_ms }, now_ms);
  }

  close(): void {
    this.#rpc.close();
  }

  head(): Promise<number> {
    const now = performance.now();
    if (now - this.#headAt_ms > headMaxAge_ms) {
      this.#headAt_ms = now;
      this.#headNow = this.#answered(() => this.#readHead());
      this.#headNow.catch(() => (this.#headAt_ms = Number.NEGATIVE_INFINITY));
    }
    return this.#headNow;
  }

  /** If endpoints disagree about the head, any of them is used: a wrong head makes this provider refuse, and moves no money. */
  async #readHead(): Promise<number> {
    try {
      return this.#saw((await this.#rpc.head()).number);
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      return this.#saw(Number(await this.#rpc.send("eth_blockNumber", [])));
    }
  }

  #saw(head: number): number {
    const first = this.#seen === undefined;
    if (head !== this.#seen) this.#rpc.pace.saw(head, now_ms());
    this.#seen = head;
    // Only the pace needs this block, so a challenge neither waits for it nor fails with it.
    if (first && head > 0) this.#rpc.block(Math.max(0, head - paceBlocks)).catch(() => undefined);
    return head;
  }

  /** Age of the head that was read last; makes no call. */
  look(): HeadLook {
    return this.#rpc.pace.look(now_ms());
  }

  async group(group: Hex): Promise<GroupTimes | undefined> {
    if (!this.#options.groups.includes(group)) return undefined;
    const known = this.#times.get(group);
    if (known) return known;
    const { originBlock, payer, config } = (await this.#read(groupAbi, group, "parameters", [])) as {
      originBlock: bigint;
      payer: string;
      config: Record<string, bigint>;
    };
    const times = {
      originBlock: Number(originBlock),
      slot: Number(config["slot"]),
      confirmations: Number(config["confirmations"]),
      payer: payer.toLowerCase() as Hex,
    };
    this.#times.set(group, times);
    return times;
  }

  /** The reason why a group's contract cannot be read now; undefined: it can. */
  async groupFault(group: Hex): Promise<string | undefined> {
    try {
      await this.#read(groupAbi, group, "state", []);
      return undefined;
    } catch (error) {
      if (error instanceof NoContract) return error.message;
      throw error;
    }
  }

  async keeper(group: Hex, operator: Hex): Promise<KeeperSeat | undefined> {
    const head = await this.head();
    const seats = await this.#cache.get(head, `seats ${group}`, () => this.#seats(group));
    const blsKeys = seats.get(operator);
    if (blsKeys === undefined) return undefined;
    const peerId = await this.#cache.get(head, `peer ${operator}`, () => this.#peerId(operator));
    return { blsKeys, peerId };
  }

  /** BLS keys by operator, of the active committee and of those that may replace it (R33). */
  async #seats(group: Hex): Promise<Map<Hex, Hex[]>> {
    const state = (await this.#read(groupAbi, group, "state", [])) as Record<string, bigint>;
    const seats = new Map<Hex, Hex[]>();
    for (const name of ["committee", "pendingCommittee", "rotatedCommittee"]) {
      const version = state[name] ?? 0n;
      if (version === 0n) continue;
      const members = (await this.#read(groupAbi, group, "members", [version, 0, maxMembers])) as {
        operator: string;
        blsKey: string;
      }[];
      const accepted = name === "pendingCommittee" ? await this.#accepted(group) : undefined;
      for (const [index, { operator, blsKey }] of [...members].entries()) {
        if (accepted !== undefined && ((accepted >> BigInt(index)) & 1n) === 0n) continue;
        const keys = seats.get(operator.toLowerCase() as Hex) ?? [];
        const key = this.#compress(blsKey);
        if (!keys.includes(key)) keys.push(key);
        seats.set(operator.toLowerCase() as Hex, keys);
      }
    }
    return seats;
  }

  /** Seats of the proposed committee whose members accepted: a payer alone cannot name a keeper (R3). */
  async #accepted(group: Hex): Promise<bigint> {
    const pending = (await this.#read(groupAbi, group, "pendingCommittee", [])) as { accepted: bigint };
    return pending.accepted;
  }

  /** Peer ids of all keepers of all groups served: each has a reserved connection (D6). */
  async keeperPeers(): Promise<ReadonlySet<string>> {
    const head = await this.head();
    const groups = await Promise.all(
      this.#options.groups.map((group) => this.#cache.get(head, `seats ${group}`, () => this.#seats(group))),
    );
    const operators = new Set(groups.flatMap((seats) => [...seats.keys()]));
    const peers = await Promise.all(
      [...operators].map((operator) =>
        this.#cache.get(head, `peer ${operator}`, () => this.#peerId(operator)),
      ),
    );
    return new Set(peers);
  }

  #compress(blsKey: string): Hex {
    const known = this.#compressed.get(blsKey);
    if (known) return known;
    const compressed = compressG2(fromHex(blsKey));
    if (this.#compressed.size > 1024) this.#compressed.clear();
    this.#compressed.set(blsKey, compressed);
    return compressed;
  }

  async #peerId(operator: Hex): Promise<string> {
    const { registry } = this.#options;
    const entry = (await this.#read(registryAbi, registry, "keeper", [operator])) as { peerId: string };
    return peerIdText(fromHex(entry.peerId));
  }

  async blockHash(block: number): Promise<Hex | undefined> {
    const head = await this.head();
    return this.#cache.get(head, `block ${block}`, async () => {
      const found = await this.#answered(() => this.#rpc.block(block));
      return found?.hash;
    });
  }

  async data(group: Hex, provider: number, block: number): Promise<CommittedData | "foreign" | "none"> {
    const head = await this.head();
    return this.#cache.get(head, `data ${group} ${provider} ${block}`, () =>
      this.#data(group, provider, block),
    );
  }

  async #data(group: Hex, provider: number, block: number): Promise<CommittedData | "foreign" | "none"> {
    const listed = (await this.#read(groupAbi, group, "providers", [provider, 1])) as {
      operator: string;
      firstCheckpoint: bigint;
      checkpointCount: bigint;
    }[];
    // Spread into an array: an ethers Result throws at an index past its end.
    const [entry] = [...listed];
    if (entry?.operator.toLowerCase() !== this.#options.operator) return "foreign";
    const { firstCheckpoint, checkpointCount } = entry;
    const count = checkpointCount - firstCheckpoint;
    const history = (await this.#read(groupAbi, group, "dataHistory", [
      provider,
      firstCheckpoint,
      count,
    ])) as {
      fromBlock: bigint;
      size: bigint;
      root: string;
      receiptKey: string;
    }[];
    const current = [...history].findLast(({ fromBlock }) => fromBlock <= BigInt(block));
    if (current === undefined || current.size === 0n) return "none";
    return {
      listRoot: current.root as Hex,
      bytes: current.size,
      receiptKey: current.receiptKey.toLowerCase() as Hex,
    };
  }

  /** Sequence of the next consent for the group (R33). */
  async nextConsentSequence(group: Hex): Promise<number> {
    const used = (await this.#read(groupAbi, group, "consentSequence", [this.#options.operator])) as bigint;
    return Number(used) + 1;
  }

  async #read(abi: Interface, to: Hex, name: string, args: readonly unknown[]): Promise<unknown> {
    return this.#answered(async () => {
      const [value] = await call(
        (method, params) => this.#rpc.send(method, params),
        abi,
        to,
        name,
        args,
        "latest",
      );
      return value;
    });
  }

  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      // The endpoint answered: the address has no contract.
      if (error instanceof NoContract) throw error;
      throw new ChainError(`no chain endpoint answers: ${(error as Error).message}`, { cause: error });
    }
  }
}

export function chainViewOf({ chain, groups }: ProviderConfig, operator: Hex): EthersChainView {
  const { id, rpc, registry } = chain;
  return new EthersChainView({ chainId: id, rpc, registry, groups, operator });
}

/** Text form of the peer id that the registry holds as an identity multihash (00 24 ‖ the key's protobuf). */
export function peerIdText(multihash: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromProtobuf(multihash.slice(2))).toString();
}
