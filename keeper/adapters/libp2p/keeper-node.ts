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
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { GossipGate, gossip } from "./gossip.ts";
import { Identities } from "./identities.ts";
import { addressDial_ms, keeperMuxer, metered, privateKeyOf } from "./node.ts";

type Services = { pubsub: GossipSub; ping: Ping; [name: string]: unknown };

export type KeeperNode = Libp2p<Services>;

export type NodeOptions = {
  /** 32-byte seed of the ed25519 key, hex. */
  readonly peerSecret: Hex;
  readonly listen: readonly string[];
  readonly onReason: (code: ReasonCode, detail: string) => void;
};

/** Admission of peers. It exists before the node, because the node asks it about every connection. */
export class Admission {
  readonly identities = new Identities();
  readonly gate = new GossipGate((peer) => this.identities.operatorOf(peer.toString()) !== undefined);
  readonly pending = new PendingHosts(pendingConnections.perHost);
  readonly meter: InboundMeter;
  readonly refused: TokenBuckets;
  scale: Scale = smallestScale;

  constructor() {
    const names = maxKeeperNames(maxCommittees);
    this.meter = new InboundMeter(() => gossipBytes(this.scale), names);
    this.refused = new TokenBuckets(names, () => performance.now());
  }
}

export async function startKeeperNode(options: NodeOptions, admission: Admission): Promise<KeeperNode> {
  const { identities, pending, meter, gate } = admission;
  return createLibp2p({
    privateKey: await privateKeyOf(options.peerSecret),
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [keeperMuxer(streamsOfPeer.all)],
    connectionGater: {
      // The node refuses an unknown peer as soon as the peer has shown its key (D4, D6).
      denyInboundConnection: (connection) => !pending.begins(connection),
      denyInboundEncryptedConnection: (peer, connection) => {
        pending.ended(connection);
        const name = peer.toString();
        if (identities.isExpected(name)) return false;
        // Before the first read of the registry every peer is unknown.
        if (!identities.isEmpty) options.onReason("wire-stranger", name);
        return true;
      },
      ...metered(meter),
    },
    connectionManager: {
      ...connectionLimits,
      addressDialTimeout: addressDial_ms,
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
