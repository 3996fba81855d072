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
import { InboundMeter } from "../daemon/peers/inbound-meter.ts";
import { PendingHosts } from "../daemon/peers/pending-hosts.ts";

/** The keepers' peer ids are read from the chain at most this often, however many unknown peers connect. */
const keepersMaxAge_ms = 30_000;
const keepersRetry_ms = 5_000;
/** Longest time that a new connection waits for the chain; then the peer ids read before decide. */
const keepersWait_ms = 2_000;

export class ProviderConnections {
  readonly #keeperPeers: () => Promise<ReadonlySet<string>>;
  readonly #room: ConnectionRoom;
  readonly #meter: InboundMeter;
  readonly #pending = new PendingHosts(pendingConnections.perHost);
  #keepers: ReadonlySet<string> = new Set();
  #readAt_ms = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  /** @param isSender whether the peer sends data of an accepted request (R43) */
  constructor(
    keeperPeers: () => Promise<ReadonlySet<string>>,
    connections: () => readonly OpenConnection[],
    isSender: (peer: string) => boolean,
  ) {
    this.#keeperPeers = keeperPeers;
    this.#meter = new InboundMeter((peer) => (isSender(peer) ? senderBytes : requestBytes), maxCallerNames);
    this.#room = new ConnectionRoom({
      connections,
      room: () => providerConnections,
      isExpected: (peer) => this.#keepers.has(peer),
      now_ms: () => Date.now(),
    });
  }

  gater(): {
    denyInboundConnection(connection: MultiaddrConnection): boolean;
    denyInboundEncryptedConnection(peer: PeerId, connection: MultiaddrConnection): Promise<boolean>;
    denyInboundUpgradedConnection(peer: PeerId, connection: MultiaddrConnection): boolean;
  } {
    return {
      denyInboundConnection: (connection) => !this.#pending.begins(connection),
      denyInboundEncryptedConnection: async (peer, connection) => {
        this.#pending.ended(connection);
        await this.#refresh(peer.toString());
        return !this.#room.admits(peer.toString());
      },
      denyInboundUpgradedConnection: (peer, connection) => {
        this.#meter.watch(peer.toString(), connection);
        return false;
      },
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
    if (this.#keepers.has(peer)) return;
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
