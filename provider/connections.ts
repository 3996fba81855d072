/** Limits on a provider's inbound connections (D6): each keeper has a reserved place, other peers share the rest. */
import type { MultiaddrConnection, PeerId } from "@libp2p/interface";
import { ConnectionRoom } from "../daemon/peers/connection-room.ts";
import type { OpenConnection } from "../daemon/peers/connection-room.ts";
import {
  maxCallerNames,
  pendingConnections,
  providerConnections,
  requestBytes,
  senderBytes,
} from "../protocol/limits/derived.ts";
import { chosenRelayRate } from "../protocol/limits/relay.ts";
import type { Rate } from "../protocol/limits/token-buckets.ts";
import { InboundMeter } from "../daemon/peers/inbound-meter.ts";
import { PendingHosts } from "../daemon/peers/pending-hosts.ts";

/** The keepers' peer ids are read from the chain at most this often, however many unknown peers connect. */
const keepersMaxAge_ms = 30_000;
const keepersRetry_ms = 5_000;
/** Longest time that a new connection waits for the chain; then the peer ids read before decide. */
const keepersWait_ms = 2_000;

export class ProviderConnections {
  readonly #keeperPeers: () => Promise<ReadonlySet<string>>;
  readonly #isRelay: (peer: string) => boolean;
  readonly #room: ConnectionRoom;
  readonly #meter: InboundMeter;
  readonly #pending = new PendingHosts(pendingConnections.perHost);
  #keepers: ReadonlySet<string> = new Set();
  #readAt_ms = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  /**
   * @param isSender whether the peer sends data of an accepted request (R43)
   * @param isRelay whether this provider chose the peer as its relay
   */
  constructor(
    keeperPeers: () => Promise<ReadonlySet<string>>,
    connections: () => readonly OpenConnection[],
    isSender: (peer: string) => boolean,
    isRelay: (peer: string) => boolean,
  ) {
    this.#keeperPeers = keeperPeers;
    this.#isRelay = isRelay;
    // A message over a relay is metered again for the peer that sends it.
    const rate = (peer: string): Rate =>
      isSender(peer) ? senderBytes : isRelay(peer) ? chosenRelayRate : requestBytes;
    this.#meter = new InboundMeter(rate, maxCallerNames);
    this.#room = new ConnectionRoom({
      connections,
      room: () => providerConnections,
      isExpected: (peer) => this.#keepers.has(peer) || isRelay(peer),
      now_ms: () => Date.now(),
    });
  }

  gater(): {
    denyInboundConnection(connection: MultiaddrConnection): boolean;
    denyInboundEncryptedConnection(peer: PeerId, connection: MultiaddrConnection): Promise<boolean>;
    denyInboundUpgradedConnection(peer: PeerId, connection: MultiaddrConnection): boolean;
    denyOutboundUpgradedConnection(peer: PeerId, connection: MultiaddrConnection): boolean;
  } {
    const watch = (peer: PeerId, connection: MultiaddrConnection): boolean => {
      this.#meter.watch(peer.toString(), connection);
      return false;
    };
    return {
      denyInboundConnection: (connection) => !this.#pending.begins(connection),
      denyInboundEncryptedConnection: async (peer, connection) => {
        this.#pending.ended(connection);
        await this.#refresh(peer.toString());
        return !this.#room.admits(peer.toString());
      },
      denyInboundUpgradedConnection: watch,
      denyOutboundUpgradedConnection: (peer, connection) =>
        this.#isRelay(peer.toString()) && watch(peer, connection),
    };
  }

  /** Whether the chain named this peer as a keeper's when it was last read. For another one it is soon read again. */
  isKeeper(peer: string): boolean {
    if (this.#keepers.has(peer)) return true;
    void this.#refresh(peer);
    return false;
  }

  opened(connection: OpenConnection): void {
    this.#room.opened(connection);
  }

  used(peer: string): void {
    this.#room.used(peer);
  }

  sweep(): void {
    this.#room.sweep();
  }

  /** Reads the keepers' peer ids again if this peer is not among them and they are old. */
  async #refresh(peer: string): Promise<void> {
    if (this.#keepers.has(peer) || this.#isRelay(peer)) return;
    const now_ms = performance.now();
    if (now_ms - this.#readAt_ms > keepersMaxAge_ms) {
      this.#readAt_ms = now_ms;
      this.#reading = this.#keeperPeers().then(
        (peers) => void (this.#keepers = peers),
        // No endpoint answers: try again after a pause, not at every connection.
        () => void (this.#readAt_ms = now_ms + keepersRetry_ms - keepersMaxAge_ms),
      );
    }
    const limit = new Promise<void>((resolve) => setTimeout(resolve, keepersWait_ms).unref());
    await Promise.race([this.#reading, limit]);
  }
}
