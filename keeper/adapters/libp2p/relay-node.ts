/**
 * The relay that a keeper offers: a libp2p node with a peer key, a port and limits of its own, so that strangers reach neither the
 * gossip nor the questions of keepers (D6). Peers of registered operators are reached through it; anybody may call them over it. What it
 * carries is encrypted between the two ends.
 */
import { hkdfSync } from "node:crypto";
import { circuitRelayServer, RELAY_V2_HOP_CODEC } from "@libp2p/circuit-relay-v2";
import type { CircuitRelayServerComponents, CircuitRelayService } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, PeerId, StreamHandler } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { connectionLimits } from "../../../daemon/peers/connection-limits.ts";
import { ConnectionRoom } from "../../../daemon/peers/connection-room.ts";
import { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import { muxer } from "../../../daemon/peers/muxer.ts";
import { PendingHosts } from "../../../daemon/peers/pending-hosts.ts";
import type { RelayAddress } from "../../../daemon/peers/addresses.ts";
import { AddressBook } from "../../../daemon/peers/relay/records.ts";
import { Places } from "../../../daemon/peers/relay/places.ts";
import { fromHex, toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import {
  maxCommittees,
  maxKeeperNames,
  maxProviderNames,
  pendingConnections,
  signOfLife_ms,
} from "../../../protocol/limits/derived.ts";
import {
  relayConnectRate,
  relayedConnection,
  relayedOfKeeper,
  relayedOfStranger,
  relayPlaces,
  relayRate,
  relayRoom,
  relayWindowBytes,
  reservation_ms,
  strangerRelayRate,
} from "../../../protocol/limits/relay.ts";
import type { RelayedEnds, RelayScale } from "../../../protocol/limits/relay.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { addressDial_ms, metered, privateKeyOf } from "./node.ts";
import { AddressDesk } from "./relay-addresses.ts";
import type { Registrations } from "./relay-addresses.ts";

export type RelayOptions = {
  /** Of the keeper, hex: the relay's own key is derived from it. */
  readonly peerSecret: Hex;
  readonly listen: readonly string[];
  readonly registrations: Registrations;
  readonly scale: () => RelayScale;
  /** Whether this is the peer of another keeper of the committees: it calls providers over the relay. */
  readonly isKeeper: (peer: string) => boolean;
  readonly onReason: (code: ReasonCode, detail: string) => void;
  /** When a relayed connection ends. */
  readonly ends?: RelayedEnds;
};

/** Present numbers and those since the start, for metrics and tests. */
export type RelayFigures = {
  readonly places: number;
  readonly reservations: number;
  /** Connections between two other peers that it carries. */
  readonly relayed: number;
  /** Bytes that peers sent to it since the start: those that it carried, and requests. */
  readonly receivedBytes: number;
  /** Connections, records, reservations and calls that it refused since the start. */
  readonly refused: number;
};

const sweepEvery_ms = 5_000;
/** A call waits this long for the peer that is called. */
const hop_ms = 10_000;
const mostNames = maxKeeperNames(maxCommittees) + maxProviderNames;
/** Streams of one connection: those of a keeper of the largest committees, to every provider. Others are limited one by one. */
const mostStreams = 2 * maxProviderNames;

/** The relay's peer key, from the keeper's. */
export function relaySecretOf(peerSecret: Hex): Hex {
  return toHex(new Uint8Array(hkdfSync("sha256", fromHex(peerSecret), "", "whitepay/relay/1", 32)));
}

export class RelayNode {
  readonly #options: RelayOptions;
  /** Of the keeper that offers this relay: it calls over it, too. */
  readonly #keeperPeer: string;
  readonly #places: Places;
  readonly #pending = new PendingHosts(pendingConnections.perHost);
  readonly #connects = new TokenBuckets(mostNames, () => performance.now());
  readonly #room: ConnectionRoom;
  readonly #meter: InboundMeter;
  readonly records = new AddressBook(mostNames);
  /** By peer with a place: the connection over which it told its addresses. */
  readonly #told = new Map<string, Connection>();
  #refused = 0;
  #node: Libp2p<{ relay: CircuitRelayService }> | undefined;
  #sweeping: NodeJS.Timeout | undefined;

  private constructor(options: RelayOptions, keeperPeer: string) {
    this.#options = options;
    this.#keeperPeer = keeperPeer;
    this.#places = new Places(
      () => relayPlaces(options.scale()),
      () => performance.now(),
    );
    this.#room = new ConnectionRoom({
      connections: () => this.node.getConnections(),
      room: () => relayRoom,
      isExpected: (peer) => this.#isKnown(peer),
      now_ms: () => Date.now(),
    });
    this.#meter = new InboundMeter((peer) => {
      const connections = this.node.getConnections().length;
      return this.#isKnown(peer) ? relayRate(connections) : strangerRelayRate(connections);
    }, mostNames);
  }

  static async start(options: RelayOptions): Promise<RelayNode> {
    const keeper = peerIdFromPrivateKey(await privateKeyOf(options.peerSecret));
    const relay = new RelayNode(options, keeper.toString());
    await relay.#start();
    return relay;
  }

  /** @throws before the start */
  get node(): Libp2p<{ relay: CircuitRelayService }> {
    if (this.#node === undefined) throw new Error("the relay is not started");
    return this.#node;
  }

  get peerId(): string {
    return this.node.peerId.toString();
  }

  /** Where a process on the same machine reaches it. */
  get local(): RelayAddress {
    return { peerId: this.peerId, addresses: this.node.getMultiaddrs().map(String) };
  }

  get figures(): RelayFigures {
    const hops = this.node.getConnections().flatMap(hopsOf);
    return {
      places: this.#places.size,
      reservations: this.node.services.relay.reservations.size,
      relayed: hops.length,
      receivedBytes: this.#meter.received,
      refused: this.#refused,
    };
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    await this.node.stop();
  }

  #isKeeper(peer: string): boolean {
    return peer === this.#keeperPeer || this.#options.isKeeper(peer);
  }

  /** Known peers do not compete with strangers for connections. */
  #isKnown(peer: string): boolean {
    return this.#places.has(peer) || this.#isKeeper(peer);
  }

  async #start(): Promise<void> {
    const { listen, peerSecret, registrations, onReason } = this.#options;
    const node = await createLibp2p({
      privateKey: await privateKeyOf(relaySecretOf(peerSecret)),
      start: false,
      addresses: { listen: [...listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [
        muxer({
          maxInboundStreams: mostStreams,
          streamOptions: { maxStreamWindowSize: relayWindowBytes, maxReadBufferLength: 2 * relayWindowBytes },
        }),
      ],
      connectionGater: {
        denyInboundConnection: (connection) => !this.#pending.begins(connection),
        denyInboundEncryptedConnection: (peer, connection) => {
          this.#pending.ended(connection);
          return this.#refuses(!this.#room.admits(peer.toString()));
        },
        denyInboundRelayReservation: (peer) => this.#refuses(this.#refusesPlace(peer)),
        denyOutboundRelayedConnection: (from, to) => this.#refuses(this.#refusesCall(from, to)),
        ...metered(this.#meter),
      },
      connectionManager: {
        ...connectionLimits,
        addressDialTimeout: addressDial_ms,
        reconnectRetries: 0,
      },
      connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
      services: {
        identify: identify({ runOnConnectionOpen: false, maxInboundStreams: 1 }),
        ping: ping({ maxInboundStreams: 2 }),
        relay: (components: CircuitRelayServerComponents) => this.#server(components),
      },
    });
    this.#node = node;
    node.addEventListener("connection:open", ({ detail }) => this.#room.opened(detail));
    const desk = new AddressDesk({
      node,
      places: this.#places,
      records: this.records,
      registrations,
      used: (peer) => this.#room.used(peer),
      refused: () => void this.#refuses(true),
      told: (connection) => void this.#told.set(connection.remotePeer.toString(), connection),
      onReason,
    });
    await desk.serve();
    await node.start();
    this.#sweeping = setInterval(() => this.#sweep(), sweepEvery_ms).unref();
  }

  #server(components: CircuitRelayServerComponents): CircuitRelayService {
    const { registrar, connectionManager } = components;
    const { ends = relayedConnection } = this.#options;
    const gated: typeof registrar = Object.create(registrar);
    gated.handle = (protocol, handler, options) => registrar.handle(protocol, this.#gated(handler), options);
    const ordered: typeof connectionManager = Object.create(connectionManager);
    ordered.getConnections = (peer) => this.#ordered(peer, connectionManager.getConnections(peer));
    const own = Object.create(components, {
      registrar: { value: gated },
      connectionManager: { value: ordered },
    });
    return circuitRelayServer({
      hopTimeout: hop_ms,
      maxInboundHopStreams: mostStreams,
      maxOutboundStopStreams: mostStreams,
      reservations: {
        // Who may have a reservation is decided by the places.
        maxReservations: mostNames,
        reservationTtl: reservation_ms,
        // The library measures the duration in milliseconds.
        defaultDurationLimit: ends.duration_ms,
        defaultDataLimit: BigInt(ends.bytes),
      },
    })(own);
  }

  /**
   * The library calls a peer on its first connection. A keeper has two nodes with one peer key, and it is reached at the one that told its
   * addresses; the other one only calls.
   */
  #ordered(peer: PeerId | undefined, connections: Connection[]): Connection[] {
    const told = peer === undefined ? undefined : this.#told.get(peer.toString());
    if (told === undefined || !connections.includes(told)) return connections;
    return [told, ...connections.filter((connection) => connection !== told)];
  }

  /** A stream costs memory before its request is read, so the number of streams is limited before. */
  #gated(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      const peer = connection.remotePeer.toString();
      if (this.#callsOf(connection.remotePeer) <= this.#mostCalls(peer)) return handler(stream, connection);
      this.#refuses(true);
      stream.abort(new Error("too many streams to the relay"));
    };
  }

  #mostCalls(peer: string): number {
    return this.#isKeeper(peer) ? relayedOfKeeper(this.#options.scale()) : relayedOfStranger;
  }

  #callsOf(peer: PeerId): number {
    return this.node.getConnections(peer).flatMap(hopsOf).length;
  }

  /** Counts a refusal. */
  #refuses(isRefused: boolean): boolean {
    if (isRefused) this.#refused++;
    return isRefused;
  }

  #refusesPlace(peer: PeerId): boolean {
    if (this.#places.has(peer.toString())) return false;
    this.#options.onReason("wire-stranger", `no place at the relay for ${peer.toString()}`);
    return true;
  }

  #refusesCall(from: PeerId, to: PeerId): boolean {
    const peer = from.toString();
    this.#room.used(peer);
    if (!this.#places.has(to.toString())) return true;
    if (this.#isKeeper(peer) || this.#connects.take(peer, relayConnectRate)) return false;
    this.#options.onReason("wire-flood", `calls of ${peer} over the relay`);
    return true;
  }

  #sweep(): void {
    for (const connection of this.node.getConnections()) {
      if (hopsOf(connection).length > 0) this.#room.used(connection.remotePeer.toString());
    }
    this.#room.sweep();
    for (const peer of this.#places.sweep()) this.records.forget(peer);
    for (const peer of this.#told.keys()) if (!this.#places.has(peer)) this.#told.delete(peer);
  }
}

/** Streams of the connection that are, or ask for, a connection to another peer. */
function hopsOf({ streams }: Connection): unknown[] {
  return streams.filter(
    ({ protocol, direction }) => protocol === RELAY_V2_HOP_CODEC && direction === "inbound",
  );
}
