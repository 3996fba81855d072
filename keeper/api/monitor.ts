/** Measures the keeper's environment every few seconds: peers, funds, clock, disk. Status and metrics read the last values. */
import { statfs } from "node:fs/promises";
import type { CertifiedScope } from "../../protocol/certificate-gas.ts";
import type { AccountFees } from "../../protocol/funds.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort } from "../ports/history.ts";
import type { BooksPort, Earned } from "../ports/ledger.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { ChainPace, HeadLook } from "../../daemon/chain/pace.ts";
import type { PeerStatsPort } from "../ports/transport.ts";
import { clockOffset, serverDate } from "./clock-offset.ts";
import type { Offset } from "./clock-offset.ts";
import { Rotation } from "../../daemon/rotation.ts";

/** One day of blocks of 12 s, so that an outage of minutes changes the mean little. */
const measuredBlocks = 7_200;
/** In passes. Funds change slowly, and reading them needs calls to the chain. */
const fundsEvery = 4;
/** R40: groups whose funds are read in one pass, so that the calls of a keeper to its endpoints do not grow with its groups. */
export const fundsEachPass = 16;
/** Groups whose earnings are summed in one pass: the sum reads all shares of the group from the ledger. */
const earningsEachPass = 64;
const peersEvery = 12;
const clockEvery_ms = 300_000;
/** The head's age is known without a call. */
const headEvery_ms = 1_000;
const ask_ms = 3_000;

export type Surroundings = {
  readonly head: HeadInfo | undefined;
  /** Age of the last block that the keeper handled. */
  readonly headLook: HeadLook;
  /** Mean time of a block; undefined before two blocks are known. */
  readonly pace: BlockPace | undefined;
  /** Offset of this machine's clock from an endpoint's; undefined: no endpoint reports the time. */
  readonly clock: Offset | undefined;
  readonly diskFreeBytes: number | undefined;
  readonly operator: AccountFees | undefined;
  readonly funds: ReadonlyMap<Hex, GroupFunds>;
  readonly latencies_ms: ReadonlyMap<Hex, number>;
  /** By group, token units that settlements credited to this keeper. */
  readonly earned: ReadonlyMap<Hex, Earned>;
  /** By group, the last block in the ledger; undefined: the ledger is empty. */
  readonly bookedThrough: ReadonlyMap<Hex, number>;
};

export type MonitorDependencies = {
  readonly history: HistoryPort;
  readonly books: BooksPort;
  readonly peers: PeerStatsPort;
  readonly clock: ClockPort;
  readonly pace: Pick<ChainPace, "look">;
  /** Called when the head becomes too old, and when it no longer is. */
  readonly onHead: (look: HeadLook) => void;
};

export type MonitorOptions = {
  readonly operator: Hex;
  /** Groups served now. */
  readonly groups: () => readonly Hex[];
  readonly dataDir: string;
  /** Of the committee whose certificates cost most. */
  readonly largest: () => CertifiedScope;
  /** Chain endpoints; the Date header of their answers is compared with the local clock. */
  readonly rpc: readonly string[];
};

/** The mean time of a block, and the number of blocks and seconds over which it was measured. */
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
  readonly #fundsTurn = new Rotation<Hex>(fundsEvery, fundsEachPass);
  readonly #earningsTurn = new Rotation<Hex>(1, earningsEachPass);
  /** By group: the block through which its earnings were summed. */
  readonly #summed = new Map<Hex, number>();

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

  /** Measures until `signal` aborts. A value that cannot be measured keeps its last state. */
  async run(every_ms: number, signal: AbortSignal, onPass: () => void): Promise<void> {
    const watches = [this.#watchClock(signal), this.#watchPace(signal)];
    while (!signal.aborted) {
      await Promise.allSettled([
        this.#lookAtHead(),
        this.#lookAtPeers(),
        this.#lookAtDisk(),
        this.#lookAtBooks(),
      ]);
      await this.#lookAtFunds().catch(() => undefined);
      this.#passes++;
      onPass();
      await this.#on.clock.sleep(every_ms, signal);
    }
    await Promise.all(watches);
  }

  #lookAtPace(): HeadLook {
    return this.#on.pace.look(this.#on.clock.now_ms(), this.#clock?.offset_ms);
  }

  /** Runs apart from the other measurements, which wait for endpoints that may hang. */
  async #watchPace(signal: AbortSignal): Promise<void> {
    let wasOld = false;
    while (!signal.aborted) {
      const look = this.#lookAtPace();
      if (look.isOld !== wasOld) this.#on.onHead(look);
      wasOld = look.isOld;
      await this.#on.clock.sleep(headEvery_ms, signal);
    }
  }

  /** One measurement takes a second or two of small requests, so it has an interval of its own. */
  async #watchClock(signal: AbortSignal): Promise<void> {
    // Only Date shows a step of the clock; other clocks here are monotonic.
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
    // The mean changes little from block to block.
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
    // Each write waits for the disk: peers are written at a change, latencies now and then.
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
    const groups = this.#options.groups();
    for (const values of [this.#booked, this.#earned, this.#summed]) forget(values, groups);
    const cursors = await this.#on.books.followed();
    for (const group of groups) {
      const block = cursors.get(group)?.block;
      if (block !== undefined) this.#booked.set(group, block);
    }
    const moved = groups.filter((group) => this.#booked.get(group) !== this.#summed.get(group));
    for (const group of this.#earningsTurn.due(moved, this.#passes)) {
      this.#earned.set(group, await this.#on.books.earned(group, this.#options.operator));
      this.#summed.set(group, this.#booked.get(group) as number);
    }
  }

  async #lookAtFunds(): Promise<void> {
    const { operator, largest, groups } = this.#options;
    const served = groups();
    forget(this.#funds, served);
    if (this.#passes % fundsEvery === 0) {
      this.#operator = await this.#on.history.operatorFunds(operator, largest());
    }
    for (const group of this.#fundsTurn.due(served, this.#passes)) {
      this.#funds.set(group, await this.#on.history.groupFunds(group));
    }
  }
}

/** Values of groups that left are of no use, and their number would grow. */
function forget(values: Map<Hex, unknown>, served: readonly Hex[]): void {
  const present = new Set(served);
  for (const group of values.keys()) if (!present.has(group)) values.delete(group);
}
