/** Gossipsub between keepers: its settings, and a gate that admits proven keepers only (R3, D6). */
import { createHash } from "node:crypto";
import { gossipsub, StrictNoSign } from "@chainsafe/libp2p-gossipsub";
import type { GossipSub, GossipSubComponents } from "@chainsafe/libp2p-gossipsub";
import { createTopicScoreParams } from "@chainsafe/libp2p-gossipsub/score";
import type { Connection, PeerId, StreamHandler, Topology } from "@libp2p/interface";
import { gossipFrame, maxCommittees } from "../../../protocol/limits/derived.ts";

/** Smaller messages are forwarded without IDONTWANT, which would cost as many bytes as the message. */
const announcedBytes = 128;

function messageId(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

type Registrar = GossipSubComponents["registrar"];

/** Hides a peer from gossipsub until `connected` is called for it. */
export class GossipGate {
  readonly #isProven: (peer: PeerId) => boolean;
  readonly #topologies = new Map<string, Topology>();
  #next = 0;

  constructor(isProven: (peer: PeerId) => boolean) {
    this.#isProven = isProven;
  }

  /** Both sides have proven their identity: shows the peer to gossipsub. */
  connected(peer: PeerId, connection: Connection): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onConnect?.(peer, connection);
  }

  disconnected(peer: PeerId): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onDisconnect?.(peer);
  }

  /** A registrar for gossipsub that applies this gate. */
  registrar(real: Registrar): Registrar {
    const gated: Registrar = Object.create(real);
    gated.handle = (protocol, handler, options) => real.handle(protocol, this.#gated(handler), options);
    gated.register = async (_protocol, topology) => {
      const id = `gossip ${this.#next++}`;
      this.#topologies.set(id, topology);
      return id;
    };
    gated.unregister = (id) => void this.#topologies.delete(id);
    return gated;
  }

  #gated(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      if (this.#isProven(connection.remotePeer)) return handler(stream, connection);
      stream.abort(new Error("gossip is for keepers that have proven their identity"));
    };
  }
}

/**
 * Envelopes are signed already, so gossip adds no signature (StrictNoSign); the message id is the hash of the whole message.
 * Several keepers may share one IP address, so the IP colocation factor is 0.
 *
 * A frame carries one message. The author sends it to every peer (floodPublish) and the mesh forwards it. IHAVE is off
 * (gossipFactor 0): the protocol itself asks for lost messages (R22). A frame with the messages of many keepers would need a
 * receive buffer that grows with their number.
 */
export function gossip(gate: GossipGate): (components: GossipSubComponents) => GossipSub {
  const frame = gossipFrame(maxCommittees);
  const make = gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => messageId(message.data),
    fastMsgIdFn: (rpc) => messageId(rpc.data ?? new Uint8Array()).toString("latin1"),
    floodPublish: true,
    doPX: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    runOnLimitedConnection: true,
    ignoreDuplicatePublishError: true,
    D: 6,
    Dlazy: 0,
    gossipFactor: 0,
    idontwantMinDataSize: announcedBytes,
    maxInboundDataLength: frame.bytes,
    decodeRpcLimits: frame.limits,
    // None before `allowTopic`.
    allowedTopics: [],
    scoreParams: { IPColocationFactorWeight: 0 },
  });
  return ({ peerId, privateKey, peerStore, registrar, connectionManager, logger }) =>
    make({
      peerId,
      privateKey,
      peerStore,
      connectionManager,
      logger,
      registrar: gate.registrar(registrar),
    });
}

/** Without this weight an invalid message would not lower the score of its sender (D6). */
const invalidCosts = createTopicScoreParams({
  topicWeight: 1,
  invalidMessageDeliveriesWeight: -10,
  invalidMessageDeliveriesDecay: 0.9,
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
});

/** What the library keeps of topics; it takes them at its start only, and a keeper may get a seat later (R39). */
type Topics = {
  readonly allowedTopics: Set<string>;
  readonly score: { readonly params: { readonly topics: Record<string, typeof invalidCosts> } };
};

/** Gossip carries no other topics than those that are allowed. */
export function allowTopic(pubsub: GossipSub, topic: string): void {
  const { allowedTopics, score } = pubsub as unknown as Topics;
  allowedTopics.add(topic);
  score.params.topics[topic] = invalidCosts;
}

/** What the library keeps of its streams: one to each peer. It offers no way to replace one. */
type Streams = {
  readonly protocols: readonly string[];
  readonly streamsOutbound: Map<string, { close(): Promise<void> }>;
  createOutboundStream(peer: PeerId, connection: Connection): Promise<void>;
};

/** Whether the gossip to a peer goes over this connection. */
function carriesGossip(pubsub: GossipSub, { streams }: Connection): boolean {
  const { protocols } = pubsub as unknown as Streams;
  return streams.some(({ direction, protocol }) => direction === "outbound" && protocols.includes(protocol));
}

/**
 * Moves the gossip to a peer to another of its connections. No message is lost: the present stream is used until the new one is open, and
 * is then closed, so that all sent on it still arrives.
 */
export async function moveGossip(pubsub: GossipSub, connection: Connection): Promise<void> {
  const peer = connection.remotePeer;
  const name = peer.toString();
  const streams = pubsub as unknown as Streams;
  const { streamsOutbound } = streams;
  const before = streamsOutbound.get(name);
  if (before === undefined || carriesGossip(pubsub, connection)) return;
  // The library opens a stream if it has none; it looks before it waits.
  streamsOutbound.delete(name);
  const opening = streams.createOutboundStream(peer, connection);
  streamsOutbound.set(name, before);
  await opening;
  if (streamsOutbound.get(name) !== before) await before.close();
}
