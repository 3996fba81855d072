/** ChainView over JSON-RPC: several endpoints (D7), and values that are read again after events only. */
import { RpcPool, RpcUnavailable } from "../daemon/chain/rpc.ts";
import { NoContract } from "../daemon/chain/calls.ts";
import type { HeadBlock } from "../daemon/chain/heads.ts";
import type { HeadLook } from "../daemon/chain/pace.ts";
import type { ChallengeTarget } from "../protocol/codec/challenge.ts";
import type { Hex } from "../protocol/hash.ts";
import { unknownProviderScale } from "../protocol/limits/derived.ts";
import type { ProviderScale } from "../protocol/limits/derived.ts";
import { registeredRelays } from "../protocol/limits/relay.ts";
import { ChainFollower } from "./chain-follow.ts";
import type { EventLog } from "./chain-follow.ts";
import { changingEvents, ChainReads } from "./chain-reads.ts";
import type { GroupStanding, KeeperAddresses } from "./chain-reads.ts";
import type { ProviderConfig } from "./config.ts";
import type {
  ChainView,
  CommittedData,
  CommitteeTimes,
  KeeperSeat,
  NoCommitment,
  SlotBlocks,
} from "./ports.ts";

/** Limit for one call at one endpoint; a keeper waits a few seconds for the whole answer. */
const callTimeout_ms = 2_000;
/** One challenge reads the head several times: within this time it is read from the chain once. */
const headMaxAge_ms = 100;
/** At the start one block this far back is read, to measure the pace of blocks. */
const paceBlocks = 100;
/** Groups that are read at once. */
const groupsAtOnce = 16;

export type ChainOptions = {
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly registry: Hex;
  readonly groups: readonly Hex[];
  /** This provider's operator address. */
  readonly operator: Hex;
};

/** No endpoint answered, or one serves another chain. */
class ChainError extends Error {
  override readonly name = "ChainError";
}

const now_ms = (): number => performance.timeOrigin + performance.now();
const peerName = (operator: string): string => `peer ${operator}`;

export class EthersChainView implements ChainView {
  readonly chainId: number;
  readonly operator: Hex;
  readonly #groups: Set<Hex>;
  /** Groups of the settings: they are never left. */
  readonly #named: ReadonlySet<Hex>;
  readonly #registry: Hex;
  readonly #rpc: RpcPool;
  readonly #reads: ChainReads;
  readonly #follower: ChainFollower;
  /** Hashes of blocks, as of one head. */
  #hashes = { head: "", of: new Map<number, Promise<Hex | undefined>>() };
  /** Committees that serve the groups, now or next; as of one generation of the follower. */
  #serving: { readonly generation: number; readonly committees: Promise<ReadonlySet<Hex>> } | undefined;
  #scale: ProviderScale;
  #known: ReadonlySet<Hex> = new Set();
  #seen: number | undefined;
  #headAt_ms = Number.NEGATIVE_INFINITY;
  #headNow: Promise<HeadBlock> | undefined;

  constructor(options: ChainOptions) {
    const { chainId, rpc: urls, operator, groups, registry } = options;
    this.chainId = chainId;
    this.operator = operator;
    this.#groups = new Set(groups);
    this.#named = new Set(groups);
    this.#registry = registry;
    this.#scale = unknownProviderScale(groups.length);
    this.#rpc = new RpcPool({ chainId, urls, timeout_ms: callTimeout_ms }, now_ms);
    this.#reads = new ChainReads((method, params) => this.#rpc.send(method, params));
    this.#follower = new ChainFollower(this.#rpc, {
      addresses: () => [...this.groups, ...this.#known, registry],
      topics: changingEvents,
      changedBy: (log) => this.#changedBy(log),
    });
  }

  #changedBy({ address, topics }: EventLog): string {
    const contract = address.toLowerCase();
    return contract === this.#registry ? peerName(`0x${(topics[1] ?? "").slice(-40)}`) : contract;
  }

  close(): void {
    this.#rpc.close();
  }

  get groups(): ReadonlySet<Hex> {
    return this.#groups;
  }

  /** Serves a group from now on. */
  serve(group: Hex): void {
    if (this.#groups.has(group)) return;
    this.#groups.add(group);
    this.#serving = undefined;
    // Events of the group were not followed so far.
    this.#follower.drop(group);
  }

  leave(group: Hex): void {
    if (this.#named.has(group) || !this.#groups.delete(group)) return;
    this.#serving = undefined;
  }

  /** A call of the chain's endpoint. */
  ask(method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#answered(() => this.#rpc.send(method, params));
  }

  async head(): Promise<number> {
    return (await this.#head()).number;
  }

  #head(): Promise<HeadBlock> {
    const now = performance.now();
    const known = this.#headNow;
    if (known !== undefined && now - this.#headAt_ms <= headMaxAge_ms) return known;
    this.#headAt_ms = now;
    const head = this.#answered(() => this.#readHead());
    this.#headNow = head;
    head.catch(() => (this.#headAt_ms = Number.NEGATIVE_INFINITY));
    return head;
  }

  /** If endpoints disagree about the head, any of them is used: a wrong head makes this provider refuse, and moves no money. */
  async #readHead(): Promise<HeadBlock> {
    try {
      return this.#saw(await this.#rpc.head());
    } catch (error) {
      if (!(error instanceof RpcUnavailable)) throw error;
      const number = Number(await this.#rpc.send("eth_blockNumber", []));
      const block = await this.#rpc.block(number);
      if (block === undefined) throw error;
      return this.#saw(block);
    }
  }

  #saw(head: HeadBlock): HeadBlock {
    const { number } = head;
    const first = this.#seen === undefined;
    if (number !== this.#seen) this.#rpc.pace.saw(number, now_ms());
    this.#seen = number;
    // Only the pace needs this block, so a challenge neither waits for it nor fails with it.
    if (first && number > 0) this.#rpc.block(Math.max(0, number - paceBlocks)).catch(() => undefined);
    return head;
  }

  /** Age of the head that was read last; makes no call. */
  look(): HeadLook {
    return this.#rpc.pace.look(now_ms());
  }

  /** Mean time of a block in seconds, over the last 100; undefined before two blocks are known. */
  block_s(): number | undefined {
    const times_s = this.#rpc.pace.blockTimes_s();
    return times_s.length === 0 ? undefined : times_s.reduce((sum, one) => sum + one, 0) / times_s.length;
  }

  /** Number of committees, groups and keepers when they were read last; makes no call. */
  scale(): ProviderScale {
    return this.#scale;
  }

  /** Reads the events up to the present head. */
  async #follow(): Promise<void> {
    const head = await this.#head();
    await this.#answered(() => this.#follower.advance(head));
  }

  #get<T>(name: string, key: string, load: (block: number) => Promise<T>): Promise<T> {
    return this.#follower.get(name, key, (block) => this.#answered(() => load(block)));
  }

  /** Who serves a group, and this provider's seat and data in it. */
  async standing(group: Hex): Promise<GroupStanding> {
    await this.#follow();
    return this.#standing(group);
  }

  #standing(group: Hex): Promise<GroupStanding> {
    return this.#get(group, "standing", (block) => this.#reads.standing(group, this.operator, block));
  }

  /** The reason why a group's contract cannot be read now; undefined: it can. */
  groupFault(group: Hex): Promise<string | undefined> {
    return this.#answered(() => this.#reads.fault(group));
  }

  async #committees(): Promise<ReadonlySet<Hex>> {
    await this.#follow();
    const { generation } = this.#follower;
    if (this.#serving?.generation !== generation) {
      const committees = this.#readCommittees();
      this.#serving = { generation, committees };
      committees.catch(() => (this.#serving = undefined));
    }
    return this.#serving.committees;
  }

  async #readCommittees(): Promise<ReadonlySet<Hex>> {
    const groups = [...this.groups];
    const found = new Set<Hex>();
    for (let i = 0; i < groups.length; i += groupsAtOnce) {
      const page = groups.slice(i, i + groupsAtOnce).map((group) => this.#standing(group));
      for (const { services } of await Promise.all(page)) {
        for (const { committee } of services) found.add(committee);
      }
    }
    // Events of a new committee are followed from the head at which it is read.
    this.#known = found;
    return found;
  }

  async committee(committee: Hex): Promise<CommitteeTimes | undefined> {
    if (!(await this.#committees()).has(committee)) return undefined;
    return this.#get(committee, "times", (block) => this.#reads.times(committee, block));
  }

  #seats(committee: Hex): Promise<Map<Hex, Hex[]>> {
    return this.#get(committee, "seats", (block) => this.#reads.seats(committee, block));
  }

  #peerId(operator: Hex): Promise<string> {
    const read = (block: number): Promise<string> => this.#reads.peerId(this.#registry, operator, block);
    return this.#get(peerName(operator), "id", read);
  }

  async keeper(committee: Hex, operator: Hex): Promise<KeeperSeat | undefined> {
    await this.#follow();
    let blsKeys = (await this.#seats(committee)).get(operator);
    if (blsKeys === undefined) {
      // An endpoint may have left out an event: read once more at this head before the refusal.
      this.#follower.dropOlder(committee);
      blsKeys = (await this.#seats(committee)).get(operator);
    }
    return blsKeys && { blsKeys, peerId: await this.#peerId(operator) };
  }

  /** Peer ids of all keepers of all groups served: each has a reserved connection (D6). */
  async keeperPeers(): Promise<ReadonlySet<string>> {
    const committees = await this.#committees();
    const operators = new Set<Hex>();
    for (const committee of committees) {
      for (const operator of (await this.#seats(committee)).keys()) operators.add(operator);
    }
    const peers = await Promise.all([...operators].map((operator) => this.#peerId(operator)));
    this.#scale = {
      committees: Math.max(1, committees.size),
      groups: Math.max(1, this.groups.size),
      keepers: Math.max(1, operators.size),
    };
    return new Set(peers);
  }

  /** Addresses of the keepers of the groups served, and of the first other keepers of the registry: some of them offer relays. */
  async relayKeepers(): Promise<{ own: KeeperAddresses[]; others: KeeperAddresses[] }> {
    const own = new Set<Hex>();
    for (const committee of await this.#committees()) {
      for (const operator of (await this.#seats(committee)).keys()) own.add(operator);
    }
    const all = await this.#answered(() => this.#reads.keeperOperators(this.#registry, registeredRelays));
    const entries = async (operators: readonly Hex[]): Promise<KeeperAddresses[]> => {
      const found = await Promise.all(operators.map((operator) => this.#keeperEntry(operator)));
      return found.filter((entry) => entry !== undefined);
    };
    return {
      own: await entries([...own]),
      others: await entries(all.filter((operator) => !own.has(operator))),
    };
  }

  #keeperEntry(operator: Hex): Promise<KeeperAddresses | undefined> {
    return this.#get(peerName(operator), "addresses", (block) =>
      this.#reads.keeperEntry(this.#registry, operator, block),
    );
  }

  async blockHash(block: number): Promise<Hex | undefined> {
    const { hash } = await this.#head();
    if (this.#hashes.head !== hash) this.#hashes = { head: hash, of: new Map() };
    const { of } = this.#hashes;
    const known = of.get(block);
    if (known !== undefined) return known;
    const read = this.#answered(async () => (await this.#rpc.block(block))?.hash);
    of.set(block, read);
    read.catch(() => of.delete(block));
    return read;
  }

  async data(slot: SlotBlocks, target: ChallengeTarget): Promise<CommittedData | NoCommitment> {
    const { group, provider } = target;
    const found = commitment(await this.standing(group), slot, provider);
    if (typeof found === "object") return found;
    // An endpoint may have left out an event: read once more at this head before the refusal.
    this.#follower.dropOlder(group);
    return commitment(await this.standing(group), slot, provider);
  }

  async payer(group: Hex): Promise<Hex> {
    await this.#follow();
    return this.#get(group, "payer", (block) => this.#reads.payer(group, block));
  }

  /** Sequence of the next consent for the group (R33). */
  nextConsentSequence(group: Hex): Promise<number> {
    return this.#answered(async () => (await this.#reads.consentSequence(group, this.operator)) + 1);
  }

  /** The committee that a consent used now has to name; zero without one (R33). */
  committeeOfConsent(group: Hex): Promise<Hex> {
    return this.#answered(() => this.#reads.committeeOfConsent(group));
  }

  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      // The endpoint answered: the address has no contract.
      if (error instanceof NoContract || error instanceof ChainError) throw error;
      throw new ChainError(`no chain endpoint answers: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** R14: what is committed in the slot's first block that the committee serves. */
function commitment(
  { services, own }: GroupStanding,
  { committee, start, end }: SlotBlocks,
  provider: number,
): CommittedData | NoCommitment {
  const service = services.find(
    (one) => one.committee === committee && one.from < end && start < (one.left ?? Number.POSITIVE_INFINITY),
  );
  if (service === undefined) return "unserved";
  if (own?.provider !== provider) return "foreign";
  const first = Math.max(start, service.from);
  const data = own.data.findLast(({ from }) => from <= first);
  if (data === undefined || data.bytes === 0n) return "none";
  const { listRoot, bytes, receiptKey } = data;
  return { listRoot, bytes, receiptKey };
}

export function chainViewOf({ chain, groups }: ProviderConfig, operator: Hex): EthersChainView {
  const { id, rpc, registry } = chain;
  return new EthersChainView({ chainId: id, rpc, registry, groups, operator });
}
