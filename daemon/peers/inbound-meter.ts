/**
 * Bytes of a peer are read no faster than it may send them: beyond its rate its connection stands still until it has saved up
 * again. What was asked of it comes on top. So nothing that a peer sends can fill memory or take more than its share of a core,
 * whatever protocol it calls it (D6, L4).
 */
import type { Rate } from "../../protocol/limits/token-buckets.ts";

/** A connection below encryption and streams, as libp2p has it. */
export type RawConnection = {
  readonly status: string;
  addEventListener(
    type: "message",
    listener: (event: { readonly data: { readonly byteLength: number } }) => void,
  ): void;
  pause(): void;
  resume(): void;
};

type Expected = { left: number };
type Account = { balance: number; at_ms: number; readonly expected: Set<Expected> };

const shortestStop_ms = 20;
const longestStop_ms = 5_000;

export class InboundMeter {
  readonly #rate: (peer: string) => Rate;
  readonly #now_ms: () => number;
  readonly #maxPeers: number;
  readonly #accounts = new Map<string, Account>();
  /** Times that a connection was stopped. */
  stops = 0;

  /** @param maxPeers the one that was unseen for the longest time is forgotten first */
  constructor(
    rate: (peer: string) => Rate,
    maxPeers: number,
    now_ms: () => number = () => performance.now(),
  ) {
    this.#rate = rate;
    this.#now_ms = now_ms;
    this.#maxPeers = maxPeers;
  }

  /** This peer was asked for up to so many bytes. The function returned takes back what did not come. */
  expect(peer: string, bytes: number): () => void {
    const { expected } = this.#account(peer);
    const one = { left: bytes };
    expected.add(one);
    return () => void expected.delete(one);
  }

  watch(peer: string, connection: RawConnection): void {
    connection.addEventListener("message", ({ data }) => {
      const wait_ms = this.took(peer, data.byteLength);
      if (wait_ms > 0) this.#stop(connection, wait_ms);
    });
  }

  /** Books what came; how long nothing more should be read, in ms. */
  took(peer: string, bytes: number): number {
    const account = this.#account(peer);
    let unasked = bytes;
    for (const one of account.expected) {
      const asked = Math.min(one.left, unasked);
      one.left -= asked;
      unasked -= asked;
    }
    account.balance -= unasked;
    if (account.balance >= 0) return 0;
    const { perSecond } = this.#rate(peer);
    return Math.min(longestStop_ms, Math.max(shortestStop_ms, (-account.balance / perSecond) * 1000));
  }

  #account(peer: string): Account {
    const { burst, perSecond } = this.#rate(peer);
    const now_ms = this.#now_ms();
    const account = this.#accounts.get(peer) ?? {
      balance: burst,
      at_ms: now_ms,
      expected: new Set<Expected>(),
    };
    account.balance = Math.min(burst, account.balance + ((now_ms - account.at_ms) / 1000) * perSecond);
    account.at_ms = now_ms;
    this.#accounts.delete(peer);
    this.#accounts.set(peer, account);
    if (this.#accounts.size > this.#maxPeers)
      this.#accounts.delete(this.#accounts.keys().next().value as string);
    return account;
  }

  #stop(connection: RawConnection, wait_ms: number): void {
    if (connection.status !== "open") return;
    this.stops++;
    connection.pause();
    setTimeout(() => {
      if (connection.status === "open") connection.resume();
    }, wait_ms).unref();
  }
}
