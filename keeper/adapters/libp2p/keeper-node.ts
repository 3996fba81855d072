/** The libp2p node that keepers use among themselves, and the parts that decide whom it admits. */
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import type { Ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { connectionLimits } from "../../../daemon/peers/connection-limits.ts";
import { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import { PendingHosts } from "../../../daemon/peers/pending-hosts.ts";
import type { RelayedTransport } from "../../../daemon/peers/relay/transport.ts";
import type { Hex } from "../../../protocol/hash.ts";
import {
  gossipBytes,
  maxKeeperNames,
  pendingConnections,
  signOfLife_ms,
  smallestScale,
  maxCommittees,
  streamsOfPeer,
} from "../../../protocol/limits/derived.ts";
import type { Scale } from "../../../protocol/limits/derived.ts";
import { chosenRelayRate } from "../../../protocol/limits/relay.ts";
import type { RelayedLife } from "../../../protocol/limits/relay.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { Rate } from "../../../protocol/limits/token-buckets.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { GossipGate, gossip } from "./gossip.ts";
import { Identities } from "./identities.ts";
import { addressDial_ms, keeperMuxer, metered, privateKeyOf, relayedDial_ms } from "./node.ts";

type Services = { pubsub: GossipSub; ping: Ping; [name: string]: unknown };

export type KeeperNode = Libp2p<Services>;

export type NodeOptions = {
  /** 32-byte seed of the ed25519 key, hex. */
  readonly peerSecret: Hex;
  readonly listen: readonly string[];
  readonly onReason: (code: ReasonCode, detail: string) => void;
  /** Undefined: no keeper is called over a relay, and none calls over one. */
  readonly relays?: RelaysOfKeepers;
};

/** The relays between keepers. */
export type RelaysOfKeepers = {
  readonly transport: RelayedTransport;
  /** Whether this is the peer of a relay that a keeper registered. */
  readonly isRelay: (peer: string) => boolean;
  /** Default: `relayedLife`. */
  readonly life?: RelayedLife;
};

/** Admission of peers. It exists before the node, because the node asks it about every connection. */
export class Admission {
  readonly identities = new Identities();
  readonly gate = new GossipGate((peer) => this.identities.operatorOf(peer.toString()) !== undefined);
  readonly pending = new PendingHosts(pendingConnections.perHost);
  readonly meter: InboundMeter;
  readonly refused: TokenBuckets;
  scale: Scale = smallestScale;

  /** Whether this is the peer of a relay: it is no keeper, and carries the connections of keepers. */
  readonly isRelay: (peer: string) => boolean;

  constructor(isRelay: (peer: string) => boolean = () => false) {
    const names = maxKeeperNames(maxCommittees);
    this.isRelay = isRelay;
    // A message over a relay is metered again for the keeper that sends it.
    const rate = (peer: string): Rate => (isRelay(peer) ? chosenRelayRate : gossipBytes(this.scale));
    this.meter = new InboundMeter(rate, names);
    this.refused = new TokenBuckets(names, () => performance.now());
  }

  /** Whether the node admits a connection of this peer. A relay calls to find out whether the port is open. */
  admits(peer: string): boolean {
    return this.identities.isExpected(peer) || this.isRelay(peer);
  }
}

export async function startKeeperNode(options: NodeOptions, admission: Admission): Promise<KeeperNode> {
  const { identities, pending, meter, gate } = admission;
  const { relays } = options;
  return createLibp2p({
    privateKey: await privateKeyOf(options.peerSecret),
    addresses: { listen: [...options.listen] },
    transports: relays === undefined ? [tcp()] : [tcp(), relays.transport.transport()],
    connectionEncrypters: [noise()],
    streamMuxers: [keeperMuxer(streamsOfPeer.all)],
    connectionGater: {
      // The node refuses an unknown peer as soon as the peer has shown its key (D4, D6).
      denyInboundConnection: (connection) => !pending.begins(connection),
      denyInboundEncryptedConnection: (peer, connection) => {
        pending.ended(connection);
        const name = peer.toString();
        if (admission.admits(name)) return false;
        // Before the first read of the registry every peer is unknown.
        if (!identities.isEmpty) options.onReason("wire-stranger", name);
        return true;
      },
      ...metered(meter),
    },
    connectionManager: {
      ...connectionLimits,
      addressDialTimeout: relays === undefined ? addressDial_ms : relayedDial_ms,
      // The order of the addresses alternates between claims (`Identities.targets`); the node must not sort them.
      addressSorter: () => 0,
      reconnectRetries: 0,
    },
    connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
    services: {
      identify: identify({ runOnConnectionOpen: false, maxInboundStreams: 1 }),
      // Pings come from the other node's connection monitor and from its latency measurement.
      ping: ping({ maxInboundStreams: 4 }),
      pubsub: gossip(gate),
    },
  });
}
