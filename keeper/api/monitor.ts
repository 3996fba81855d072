/** Looks at the keeper's surroundings every few seconds: peers, means, clock, disk. Answers and figures read what it saw. */
import { statfs } from "node:fs/promises";
import type { AccountFees } from "../../protocol/fees.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort } from "../ports/history.ts";
import type { BooksPort, Earned } from "../ports/ledger.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { ChainPace, HeadLook } from "../../daemon/chain/pace.ts";
import type { PeerStatsPort } from "../ports/transport.ts";
import { clockOffset, serverDate } from "./clock-offset.ts";
import type { Offset } from "./clock-offset.ts";

/** A day of blocks of 12 s: an outage of minutes does not change the mean much. */
const measuredBlocks = 7_200;
/** Money moves slowly and costs questions to the chain. */
const fundsEvery = 4;
const peersEvery = 12;
const clockEvery_ms = 300_000;
/** A look at the head's age asks nobody. */
const headEvery_ms = 1_000;
const ask_ms = 3_000;

export type Surroundings = {
  readonly head: HeadInfo | undefined;
  /** Age of the head that the keeper handled last. */
  readonly headLook: HeadLook;
  /** Mean over the last blocks; undefined before two are known. */
  readonly pace: BlockPace | undefined;
  /** Of this machine's clock against an endpoint's; undefined: none tells the time. */
  readonly clock: Offset | undefined;
  readonly diskFreeBytes: number | undefined;
  readonly operator: AccountFees | undefined;
  readonly funds: ReadonlyMap<Hex, GroupFunds>;
  readonly latencies_ms: ReadonlyMap<Hex, number>;
  /** By group, what settlements credited this keeper with. */
  readonly earned: ReadonlyMap<Hex, Earned>;
  /** By group, how far the books are; undefined: nothing booked. */
  readonly bookedThrough: ReadonlyMap<Hex, number>;
};

export type MonitorDependencies = {
  readonly history: HistoryPort;
  readonly books: BooksPort;
  readonly peers: PeerStatsPort;
  readonly clock: ClockPort;
  readonly pace: Pick<ChainPace, "look">;
  /** The head became too old, or is not any more. */
  readonly onHead: (look: HeadLook) => void;
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

/** The mean time of a block, and the stretch over which it was measured. */
export type BlockPace = { readonly block_s: number; readonly blocks: number; readonly seconds: number };

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #on: MonitorDependencies;
  #pace: BlockPace | undefined;
  readonly #funds = new Map<Hex, GroupFunds>();
  readonly #booked = new Map<Hex, number>();
  readonly #earned = new Map<Hex, Earned>();
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
      headLook: this.#lookAtPace(),
      pace: this.#pace,
      clock: this.#clock,
      diskFreeBytes: this.#diskFreeBytes,
      operator: this.#operator,
      funds: this.#funds,
      latencies_ms: this.#latencies_ms,
      bookedThrough: this.#booked,
      earned: this.#earned,
    };
  }

  /** Looks until `signal` aborts. What cannot be seen now keeps its last value. */
  async run(every_ms: number, signal: AbortSignal, onPass: () => void): Promise<void> {
    const watches = [this.#watchClock(signal), this.#watchPace(signal)];
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
    await Promise.all(watches);
  }

  #lookAtPace(): HeadLook {
    return this.#on.pace.look(this.#on.clock.now_ms(), this.#clock?.offset_ms);
  }

  /** Beside the other looks: those wait for endpoints, and hang where these do not answer. */
  async #watchPace(signal: AbortSignal): Promise<void> {
    let wasOld = false;
    while (!signal.aborted) {
      const look = this.#lookAtPace();
      if (look.isOld !== wasOld) this.#on.onHead(look);
      wasOld = look.isOld;
      await this.#on.clock.sleep(headEvery_ms, signal);
    }
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
    const known = this.#head;
    const head = await this.#on.history.head();
    this.#head = head;
    // On the way the pace changes little.
    const isDue = this.#pace === undefined || this.#passes % fundsEvery === 0;
    if (isDue && known?.block !== head.block) await this.#measurePace(head);
  }

  async #measurePace({ block, timestamp_s }: HeadInfo): Promise<void> {
    const from = Math.max(0, block - measuredBlocks);
    const from_s = await this.#on.history.blockTime_s(from);
    if (from_s === undefined || from === block || timestamp_s <= from_s) return;
    const [blocks, seconds] = [block - from, timestamp_s - from_s];
    this.#pace = { block_s: seconds / blocks, blocks, seconds };
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
      if (cursor === undefined || cursor.block === this.#booked.get(group)) continue;
      this.#earned.set(group, await this.#on.books.earned(group, this.#options.operator));
      this.#booked.set(group, cursor.block);
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
