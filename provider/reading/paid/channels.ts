/**
 * R47: readers' channels as of a final block. A channel's deposit only grows and its expiry never moves back, so an older state is the careful
 * one. Strangers can sign with any number of new accounts: all that is asked for meanwhile is read with one call, at most four a second.
 */
import { Interface } from "ethers";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import * as abi from "../../../protocol/abi.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReadChannel } from "../../../protocol/reading-account.ts";
import { mostReaders } from "./book.ts";

export const vouchersAbi = new Interface(abi.vouchersAbi);
/** Channels in one call of the view. */
const atOnce = 256;
const leastPause_ms = 250;

export type ChannelScope = {
  readonly vouchers: Hex;
  readonly provider: Hex;
  readonly token: Hex;
  /** Blocks behind the head that are read; undefined: the chain's final block. */
  readonly confirmations: number | undefined;
};

export type ChannelsChain = { ask: Ask; head(): Promise<number> };

type Known = { readonly channel: ReadChannel; readonly at_ms: number };
type Waiting = {
  readonly resolve: (channel: ReadChannel) => void;
  readonly reject: (error: unknown) => void;
};

/** Channels of many readers at one block. */
export async function channelsAt(
  ask: Ask,
  { vouchers, provider, token }: Omit<ChannelScope, "confirmations">,
  readers: readonly Hex[],
  block: number | "latest",
): Promise<ReadChannel[]> {
  const keys = readers.map((reader) => [reader, provider, token]);
  const [states] = await call(ask, vouchersAbi, vouchers, "channels", [keys], block);
  return (states as { deposited: bigint; spent: bigint; expiry: bigint }[]).map(
    ({ deposited, spent, expiry }) => ({ deposited, spent, expiry: Number(expiry) }),
  );
}

export class Channels {
  readonly #chain: ChannelsChain;
  readonly #scope: ChannelScope;
  readonly #now_ms: () => number;
  /** In the order of reading. */
  readonly #known = new Map<Hex, Known>();
  #waiting = new Map<Hex, Waiting[]>();
  #isReading = false;
  #last_ms = Number.NEGATIVE_INFINITY;

  constructor(chain: ChannelsChain, scope: ChannelScope, now_ms: () => number) {
    this.#chain = chain;
    this.#scope = scope;
    this.#now_ms = now_ms;
  }

  /** A reader's channel, not older than `maxAge_ms`. @throws if no chain endpoint answers, or there is no such contract */
  async of(reader: Hex, maxAge_ms: number): Promise<ReadChannel> {
    const known = this.#known.get(reader);
    if (known !== undefined && this.#now_ms() - known.at_ms <= maxAge_ms) return known.channel;
    return new Promise((resolve, reject) => {
      const others = this.#waiting.get(reader) ?? [];
      this.#waiting.set(reader, [...others, { resolve, reject }]);
      if (!this.#isReading) void this.#read();
    });
  }

  /** Reads until nobody waits. Never rejects. */
  async #read(): Promise<void> {
    this.#isReading = true;
    while (this.#waiting.size > 0) {
      await sleep(Math.max(0, this.#last_ms + leastPause_ms - this.#now_ms()));
      const page = [...this.#waiting].slice(0, atOnce);
      for (const [reader] of page) this.#waiting.delete(reader);
      this.#last_ms = this.#now_ms();
      try {
        const readers = page.map(([reader]) => reader);
        const channels = await channelsAt(this.#chain.ask, this.#scope, readers, await this.#block());
        for (const [i, [reader, waiting]] of page.entries()) {
          const channel = channels[i] as ReadChannel;
          this.#keep(reader, channel);
          for (const { resolve } of waiting) resolve(channel);
        }
      } catch (error) {
        for (const [, waiting] of page) for (const { reject } of waiting) reject(error);
      }
    }
    this.#isReading = false;
  }

  async #block(): Promise<number> {
    const { confirmations } = this.#scope;
    if (confirmations !== undefined) return Math.max(0, (await this.#chain.head()) - confirmations);
    const block = await this.#chain.ask("eth_getBlockByNumber", ["finalized", false]);
    return Number((block as { number: string }).number);
  }

  #keep(reader: Hex, channel: ReadChannel): void {
    this.#known.delete(reader);
    this.#known.set(reader, { channel, at_ms: this.#now_ms() });
    if (this.#known.size > mostReaders) this.#known.delete(this.#known.keys().next().value as Hex);
  }
}
