/**
 * Limits the bytes that a peer may send. A peer above its rate has its connections paused until its bucket refills; bytes that were
 * requested from it are free. So no peer can fill memory or take more than its share of a core, whatever protocol it uses (D6, L4).
 */
import { TokenBuckets } from "../../protocol/limits/token-buckets.ts";
import type { Rate } from "../../protocol/limits/token-buckets.ts";

/** A connection of libp2p below encryption and streams. */
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

const shortestPause_ms = 20;
const longestPause_ms = 5_000;

export class InboundMeter {
  readonly #rate: (peer: string) => Rate;
  readonly #buckets: TokenBuckets;
  /** Requests under way, by peer. */
  readonly #expected = new Map<string, Set<Expected>>();
  /** Bytes of all peers. */
  received = 0;
  /** Number of pauses of connections. */
  stops = 0;

  /** @param maxPeers beyond this number, the peer that was silent for the longest time is forgotten */
  constructor(
    rate: (peer: string) => Rate,
    maxPeers: number,
    now_ms: () => number = () => performance.now(),
  ) {
    this.#rate = rate;
    this.#buckets = new TokenBuckets(maxPeers, now_ms);
  }

  /** Up to `bytes` bytes are requested from this peer. The returned function ends the request. */
  expect(peer: string, bytes: number): () => void {
    const requests = this.#expected.get(peer) ?? new Set();
    this.#expected.set(peer, requests);
    const request = { left: bytes };
    requests.add(request);
    return () => {
      requests.delete(request);
      if (requests.size === 0 && this.#expected.get(peer) === requests) this.#expected.delete(peer);
    };
  }

  watch(peer: string, connection: RawConnection): void {
    connection.addEventListener("message", ({ data }) => {
      const wait_ms = this.took(peer, data.byteLength);
      if (wait_ms > 0) this.#pause(connection, wait_ms);
    });
  }

  /** Counts received bytes. Returns how long to read nothing more from the peer, in ms. */
  took(peer: string, bytes: number): number {
    this.received += bytes;
    let unrequested = bytes;
    for (const request of this.#expected.get(peer) ?? []) {
      const requested = Math.min(request.left, unrequested);
      request.left -= requested;
      unrequested -= requested;
    }
    const wait_ms = this.#buckets.charge(peer, this.#rate(peer), unrequested);
    return wait_ms === 0 ? 0 : Math.min(longestPause_ms, Math.max(shortestPause_ms, wait_ms));
  }

  #pause(connection: RawConnection, wait_ms: number): void {
    if (connection.status !== "open") return;
    this.stops++;
    connection.pause();
    setTimeout(() => {
      if (connection.status === "open") connection.resume();
    }, wait_ms).unref();
  }
}
