/**
 * Values read from contracts, kept until an event of the contract changes them: a provider of many groups reads one page of events at each
 * head, instead of every group. All values are read at the head that was followed last.
 */
import type { HeadBlock } from "../daemon/chain/heads.ts";
import { blockTag, RpcUnavailable } from "../daemon/chain/rpc.ts";
import type { RpcPool } from "../daemon/chain/rpc.ts";
import type { Hex } from "../protocol/hash.ts";

/** Endpoints limit the blocks of one request for events. After so many blocks everything is read again, whatever the events say (D7). */
const maxBlocks = 256;
/** Endpoints limit the addresses of a request for events. */
const addressesAtOnce = 256;

/** Which values an event changes. */
export type Followed = {
  /** Contracts whose events count. */
  readonly addresses: () => readonly Hex[];
  /** Hashes of the events that count. */
  readonly topics: readonly string[];
  /** Name under which the changed values are kept. */
  readonly changedBy: (log: EventLog) => string;
};

export type EventLog = { readonly address: Hex; readonly topics: readonly Hex[] };

type Kept = { readonly block: number; readonly value: Promise<unknown> };

export class ChainFollower {
  readonly #rpc: Pick<RpcPool, "send" | "block">;
  readonly #followed: Followed;
  readonly #kept = new Map<string, Map<string, Kept>>();
  #at: HeadBlock | undefined;
  /** Block at which everything was dropped last. */
  #freshFrom = 0;
  /** One more for each change. */
  #generation = 0;
  #advancing: Promise<void> = Promise.resolve();

  constructor(rpc: Pick<RpcPool, "send" | "block">, followed: Followed) {
    this.#rpc = rpc;
    this.#followed = followed;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Moves to this head, and drops what changed since the last one. */
  advance(head: HeadBlock): Promise<void> {
    const result = this.#advancing.then(() => this.#advance(head));
    this.#advancing = result.catch(() => undefined);
    return result;
  }

  async #advance(head: HeadBlock): Promise<void> {
    const at = this.#at;
    if (at?.hash === head.hash) return;
    if (at === undefined || !(await this.#continues(at, head))) return this.#restart(head);
    try {
      for (const log of await this.#logs(at.number + 1, head.number))
        this.drop(this.#followed.changedBy(log));
      this.#at = head;
    } catch (error) {
      // An endpoint that serves no events, or what is none: everything is read again.
      if (error instanceof RpcUnavailable) throw error;
      this.#restart(head);
    }
  }

  #restart(head: HeadBlock): void {
    this.#kept.clear();
    this.#generation++;
    this.#freshFrom = head.number;
    this.#at = head;
  }

  /** False after a reorg, after many blocks at once, and from time to time. */
  async #continues(at: HeadBlock, head: HeadBlock): Promise<boolean> {
    if (head.number <= at.number || head.number - this.#freshFrom >= maxBlocks) return false;
    if (head.number === at.number + 1) return head.parentHash === at.hash;
    return (await this.#rpc.block(at.number))?.hash === at.hash;
  }

  async #logs(from: number, to: number): Promise<EventLog[]> {
    const addresses = this.#followed.addresses();
    const found: EventLog[] = [];
    for (let i = 0; i < addresses.length; i += addressesAtOnce) {
      const address = addresses.slice(i, i + addressesAtOnce);
      const blocks = { fromBlock: blockTag(from), toBlock: blockTag(to) };
      const filter = { ...blocks, address, topics: [this.#followed.topics] };
      found.push(...((await this.#rpc.send("eth_getLogs", [filter])) as EventLog[]));
    }
    return found;
  }

  /** Forgets the values under a name. */
  drop(name: string): void {
    if (this.#kept.delete(name)) this.#generation++;
  }

  /** A value that was kept or is loaded now. Failures are not kept. */
  get<T>(name: string, key: string, load: (block: number) => Promise<T>): Promise<T> {
    const values = this.#kept.get(name) ?? new Map<string, Kept>();
    this.#kept.set(name, values);
    const known = values.get(key);
    if (known !== undefined) return known.value as Promise<T>;
    const block = this.#at?.number ?? 0;
    const value = load(block);
    values.set(key, { block, value });
    value.catch(() => values.delete(key));
    return value;
  }

  /** Forgets the values under a name that were read before this head: at most once a head, however often it is called. */
  dropOlder(name: string): void {
    const values = this.#kept.get(name);
    if (values === undefined) return;
    if ([...values.values()].some(({ block }) => block < (this.#at?.number ?? 0))) this.drop(name);
  }
}
