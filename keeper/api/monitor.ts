/** Looks at the keeper's surroundings every few seconds: peers, means, clock, disk. Answers and figures read what it saw. */
import { statfs } from "node:fs/promises";
import type { AccountFees } from "../core/fees.ts";
import type { Hex } from "../core/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort } from "../ports/history.ts";
import type { BooksPort } from "../ports/ledger.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { PeerStatsPort } from "../ports/transport.ts";
import { clockOffset, serverDate } from "./clock-offset.ts";
import type { Offset } from "./clock-offset.ts";

const rememberedHeads = 64;
/** Money moves slowly and costs questions to the chain. */
const fundsEvery = 4;
const peersEvery = 12;
const clockEvery_ms = 300_000;
const ask_ms = 3_000;

export type Surroundings = {
  readonly head: HeadInfo | undefined;
  /** Mean time between blocks of late; undefined before two are known. */
  readonly block_s: number | undefined;
  /** Of this machine's clock against an endpoint's; undefined: none tells the time. */
  readonly clock: Offset | undefined;
  readonly diskFreeBytes: number | undefined;
  readonly operator: AccountFees | undefined;
  readonly funds: ReadonlyMap<Hex, GroupFunds>;
  readonly latencies_ms: ReadonlyMap<Hex, number>;
  /** By group, how far the books are; undefined: nothing booked. */
  readonly bookedThrough: ReadonlyMap<Hex, number>;
};

export type MonitorDependencies = {
  readonly history: HistoryPort;
  readonly books: BooksPort;
  readonly peers: PeerStatsPort;
  readonly clock: ClockPort;
};

export type MonitorOptions = {
  readonly operator: Hex;
  readonly groups: readonly Hex[];
  readonly dataDir: string;
  /** Of the largest of the groups, as far as they are known. */
  readonly mostProviders: () => number;
  /** Endpoints of the chain: their answers tell the time. */
  readonly rpc: readonly string[];
};

type Seen = { readonly block: number; readonly timestamp_s: number };

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #on: MonitorDependencies;
  readonly #heads: Seen[] = [];
  readonly #funds = new Map<Hex, GroupFunds>();
  readonly #booked = new Map<Hex, number>();
  #operator: Surroundings["operator"];
  #head: HeadInfo | undefined;
  #latencies_ms: ReadonlyMap<Hex, number> = new Map();
  #diskFreeBytes: number | undefined;
  #clock: Offset | undefined;
  #writtenPeers = "";
  #passes = 0;

  constructor(options: MonitorOptions, on: MonitorDependencies) {
    this.#options = options;
    this.#on = on;
  }

  get now(): Surroundings {
    return {
      head: this.#head,
      block_s: blockTime(this.#heads),
      clock: this.#clock,
      diskFreeBytes: this.#diskFreeBytes,
      operator: this.#operator,
      funds: this.#funds,
      latencies_ms: this.#latencies_ms,
      bookedThrough: this.#booked,
    };
  }

  /** Looks until `signal` aborts. What cannot be seen now keeps its last value. */
  async run(every_ms: number, signal: AbortSignal, onPass: () => void): Promise<void> {
    const clock = this.#watchClock(signal);
    while (!signal.aborted) {
      await Promise.allSettled([
        this.#lookAtHead(),
        this.#lookAtPeers(),
        this.#lookAtDisk(),
        this.#lookAtBooks(),
      ]);
      if (this.#passes++ % fundsEvery === 0) await this.#lookAtFunds().catch(() => undefined);
      onPass();
      await this.#on.clock.sleep(every_ms, signal);
    }
    await clock;
  }

  /** Measuring takes a second or two of small questions, so it has a pace of its own. */
  async #watchClock(signal: AbortSignal): Promise<void> {
    // A stepped clock shows in Date alone: other clocks here run on evenly.
    const clock = { now_ms: () => Date.now(), sleep: (ms: number) => this.#on.clock.sleep(ms, signal) };
    while (!signal.aborted) {
      for (const url of this.#options.rpc) {
        const measured = await clockOffset(() => serverDate(url, ask_ms), clock).catch(() => undefined);
        if (measured === undefined) continue;
        this.#clock = measured;
        break;
      }
      await this.#on.clock.sleep(clockEvery_ms, signal);
    }
  }

  async #lookAtHead(): Promise<void> {
    const head = await this.#on.history.head();
    const known = this.#heads.at(-1);
    this.#head = head;
    if (known?.block === head.block) return;
    this.#heads.push({ block: head.block, timestamp_s: head.timestamp_s });
    if (this.#heads.length > rememberedHeads) this.#heads.shift();
  }

  async #lookAtPeers(): Promise<void> {
    this.#latencies_ms = await this.#on.peers.latencies_ms();
    const names = [...this.#latencies_ms.keys()].sort().join();
    // Who is there is written when it changes, how far they are now and then: each write waits for the disk.
    const due = names !== this.#writtenPeers || this.#passes % peersEvery === 0;
    if (!due) return;
    const seen_ms = this.#on.clock.now_ms();
    const connected = [...this.#latencies_ms].map(([operator, latency_ms]) => ({
      operator,
      connected: true,
      latency_ms,
      seen_ms,
    }));
    const lost = (await this.#on.books.peers())
      .filter((peer) => peer.connected && !this.#latencies_ms.has(peer.operator as Hex))
      .map((peer) => ({ ...peer, connected: false, latency_ms: null }));
    await this.#on.books.setPeers([...connected, ...lost]);
    this.#writtenPeers = names;
  }

  async #lookAtDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.dataDir);
    this.#diskFreeBytes = bavail * bsize;
  }

  async #lookAtBooks(): Promise<void> {
    for (const group of this.#options.groups) {
      const cursor = await this.#on.books.cursor(group);
      if (cursor !== undefined) this.#booked.set(group, cursor.block);
    }
  }

  async #lookAtFunds(): Promise<void> {
    const { operator, mostProviders } = this.#options;
    this.#operator = await this.#on.history.operatorFunds(operator, mostProviders());
    for (const group of this.#options.groups) {
      this.#funds.set(group, await this.#on.history.groupFunds(group));
    }
  }
}

function blockTime(heads: readonly Seen[]): number | undefined {
  const [first, last] = [heads[0], heads.at(-1)];
  if (first === undefined || last === undefined || last.block <= first.block) return undefined;
  return (last.timestamp_s - first.timestamp_s) / (last.block - first.block);
}
