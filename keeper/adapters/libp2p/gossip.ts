/** Gossipsub between keepers: its settings, and the gate that keeps everybody else out of it (R3, D6). */
import { createHash } from "node:crypto";
import { gossipsub, StrictNoSign } from "@chainsafe/libp2p-gossipsub";
import type { GossipSub, GossipSubComponents } from "@chainsafe/libp2p-gossipsub";
import { createTopicScoreParams } from "@chainsafe/libp2p-gossipsub/score";
import type { Connection, PeerId, StreamHandler, Topology } from "@libp2p/interface";
import { gossipFrame } from "../../../protocol/limits/derived.ts";

/** Messages below this are handed on to peers that have them: saying that one has it costs as much. */
const announcedBytes = 128;

function messageId(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

type Registrar = GossipSubComponents["registrar"];

/** What gossipsub is told of peers: nothing before `connected`, whoever the node has met. */
export class GossipGate {
  readonly #isProven: (peer: PeerId) => boolean;
  readonly #topologies = new Map<string, Topology>();
  #next = 0;

  constructor(isProven: (peer: PeerId) => boolean) {
    this.#isProven = isProven;
  }

  /** Both sides have proven themselves: gossip may begin. */
  connected(peer: PeerId, connection: Connection): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onConnect?.(peer, connection);
  }

  disconnected(peer: PeerId): void {
    for (const topology of new Set(this.#topologies.values())) void topology.onDisconnect?.(peer);
  }

  /** The node's registrar, as gossipsub sees it. */
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
      stream.abort(new Error("gossip is between keepers that have proven themselves"));
    };
  }
}

/**
 * Gossip of signed envelopes needs no second signature: StrictNoSign, and the id is the hash of the whole message.
 * Peers on one address are no fault here (a factor of zero), since several keepers may sit behind one.
 *
 * A frame carries one message: nobody is told which messages there are (IHAVE) and nobody asks for many at once. An author
 * sends to everybody itself (floodPublish), the mesh hands on, and what is lost is asked for by the protocol (R22). Frames with
 * the messages of many keepers in them would have no bound that a memory can bear.
 */
export function gossip(
  topics: readonly string[],
  gate: GossipGate,
): (components: GossipSubComponents) => GossipSub {
  // Without a weight an invalid message would cost its sender nothing (D6).
  const invalidCosts = createTopicScoreParams({
    topicWeight: 1,
    invalidMessageDeliveriesWeight: -10,
    invalidMessageDeliveriesDecay: 0.9,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
  });
  const frame = gossipFrame(topics.length);
  const make = gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => messageId(message.data),
    fastMsgIdFn: (rpc) => messageId(rpc.data ?? new Uint8Array()).toString("latin1"),
    floodPublish: true,
    doPX: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    D: 6,
    Dlazy: 0,
    gossipFactor: 0,
    idontwantMinDataSize: announcedBytes,
    maxInboundDataLength: frame.bytes,
    decodeRpcLimits: frame.limits,
    allowedTopics: [...topics],
    scoreParams: {
      IPColocationFactorWeight: 0,
      topics: Object.fromEntries(topics.map((topic) => [topic, invalidCosts])),
    },
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
