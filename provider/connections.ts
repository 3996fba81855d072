/** Who may be connected to a provider, and how much it may send: keepers have places of their own, strangers share a room. */
import type { MultiaddrConnection, PeerId } from "@libp2p/interface";
import { ConnectionRoom } from "../daemon/peers/connection-room.ts";
import type { OpenConnection } from "../daemon/peers/connection-room.ts";
import {
  maxCallerNames,
  pendingConnections,
  providerConnections,
  requestBytes,
} from "../protocol/limits/derived.ts";
import { InboundMeter } from "../daemon/peers/inbound-meter.ts";
import { PendingHosts } from "../daemon/peers/pending-hosts.ts";

/** The chain is asked again who the keepers are after so long, and not sooner for any stranger that comes. */
const DIRECTORY_AGE_MS = 30_000;
const DIRECTORY_RETRY_MS = 5_000;
/** So long a newcomer waits for the chain; what was known before counts then. */
const DIRECTORY_WAIT_MS = 2_000;

export class ProviderEdge {
  readonly #keeperPeers: () => Promise<ReadonlySet<string>>;
  readonly #room: ConnectionRoom;
  readonly #meter = new InboundMeter(() => requestBytes, maxCallerNames);
  readonly #pending = new PendingHosts(pendingConnections.perHost);
  #keepers: ReadonlySet<string> = new Set();
  #readAt_ms = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  constructor(keeperPeers: () => Promise<ReadonlySet<string>>, connections: () => readonly OpenConnection[]) {
    this.#keeperPeers = keeperPeers;
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

  opened(connection: OpenConnection): void {
    this.#room.opened(connection);
  }

  used(peer: string): void {
    this.#room.used(peer);
  }

  sweep(): void {
    this.#room.sweep();
  }

  /** Reads who the keepers are, if this peer is none that is known and the last look is old. */
  async #refresh(peer: string): Promise<void> {
    if (this.#keepers.has(peer)) return;
    const now_ms = performance.now();
    if (now_ms - this.#readAt_ms > DIRECTORY_AGE_MS) {
      this.#readAt_ms = now_ms;
      this.#reading = this.#keeperPeers().then(
        (peers) => void (this.#keepers = peers),
        // No endpoint answers: asked again soon, and not for every newcomer.
        () => void (this.#readAt_ms = now_ms + DIRECTORY_RETRY_MS - DIRECTORY_AGE_MS),
      );
    }
    const limit = new Promise<void>((resolve) => setTimeout(resolve, DIRECTORY_WAIT_MS).unref());
    await Promise.race([this.#reading, limit]);
  }
}
