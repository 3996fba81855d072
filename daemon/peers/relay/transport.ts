/**
 * The transport over relays, and reservations at the relays that this node chose. The library listens at every relay through which it
 * is called, and tries that with any peer that says so. Here only a relay with a reservation of this node may bring calls.
 */
import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import type { CircuitRelayTransportComponents } from "@libp2p/circuit-relay-v2";
import type { PeerId, StreamHandler, Transport } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { Multiaddr } from "@multiformats/multiaddr";
import { relayOf } from "../addresses.ts";
import type { RelayAddress } from "../addresses.ts";

/** What the library offers of its reservations, beside its public types. */
type Reservations = {
  addRelay(peer: PeerId, type: "configured"): Promise<unknown>;
  hasReservation(peer: PeerId): boolean;
  addEventListener(type: "relay:removed", listener: () => void): void;
};

export class RelayedTransport {
  #reservations: Reservations | undefined;
  #onLost: () => void = () => undefined;
  #own: RelayAddress | undefined;

  /** For the transports of a node. */
  transport(): (components: CircuitRelayTransportComponents) => Transport {
    return (components) => {
      const { registrar } = components;
      const gated: typeof registrar = Object.create(registrar);
      gated.handle = (protocol, handler, options) =>
        registrar.handle(protocol, this.#gated(handler), options);
      const own = Object.create(components, { registrar: { value: gated } });
      const made = circuitRelayTransport()(own);
      const { reservationStore } = made as Transport & { readonly reservationStore: Reservations };
      reservationStore.addEventListener("relay:removed", () => this.#onLost());
      this.#reservations = reservationStore;
      const dial = made.dial.bind(made);
      made.dial = (address, options) => dial(this.#near(address), options);
      return made;
    };
  }

  /** Calls `listener` when a reservation has ended, for instance with its relay. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /**
   * The relay that this process offers is dialled where it listens. Others dial it at a public address, at which a process behind the same
   * router may not reach it.
   */
  setOwn(relay: RelayAddress): void {
    this.#own = relay;
  }

  #near(address: Multiaddr): Multiaddr {
    const text = address.toString();
    const [near] = this.#own?.addresses ?? [];
    if (near === undefined || relayOf(text) !== this.#own?.peerId) return address;
    return multiaddr(`${near}${text.slice(text.indexOf("/p2p-circuit"))}`);
  }

  /** Reserves a place at a relay that is connected. The library prolongs it until the connection ends. */
  async reserve(relay: PeerId): Promise<void> {
    await this.#reservations?.addRelay(relay, "configured");
  }

  has(relay: PeerId): boolean {
    return this.#reservations?.hasReservation(relay) ?? false;
  }

  #gated(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      if (connection.direction === "outbound" && this.has(connection.remotePeer)) {
        return handler(stream, connection);
      }
      stream.abort(new Error("this node has no reservation at that relay"));
    };
  }
}
