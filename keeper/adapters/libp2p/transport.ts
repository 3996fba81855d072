/** Keepers among themselves: gossipsub for what all must hear, streams for questions to one. */
import { setTimeout as sleep } from "node:timers/promises";
import { TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import type { Ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { lpStream } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { maxQuestionBytes, maxReplyBytes } from "../../../protocol/codec/question.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { ConnectionRoom } from "../../../daemon/peers/connection-room.ts";
import {
  gossipBytes,
  hardMaxConnections,
  keeperConnections,
  maxKeeperNames,
  pendingConnections,
  refusedRate,
  refusedTokens,
  signOfLife_ms,
  smallestScale,
  streamsOfPeer,
} from "../../../protocol/limits/derived.ts";
import type { Scale } from "../../../protocol/limits/derived.ts";
import { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import { PendingHosts } from "../../../daemon/peers/pending-hosts.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { Endpoint } from "../../ports/chain.ts";
import type {
  GossipHandler,
  PeerStatsPort,
  RequestHandler,
  TransportPort,
  Verdict,
} from "../../ports/transport.ts";
import type { Question } from "../../../protocol/codec/question.ts";
import { isHello } from "../../../protocol/codec/message.ts";
import { DirectHellos } from "./direct-hello.ts";
import { GossipGate, gossip } from "./gossip.ts";
import { Handshake } from "./handshake.ts";
import type { IdentityOptions } from "./handshake.ts";
import { Identities } from "./identities.ts";
import { addressDial_ms, addressesOf, metered, muxer, privateKeyOf } from "./node.ts";

export type TransportOptions = {
  /** 32-byte seed of the ed25519 key, hex. */
  readonly peerSecret: Hex;
  readonly listen: readonly string[];
  readonly redial_ms: number;
  /** Topics that may be gossiped about at all. */
  readonly topics: readonly string[];
  /** R3: what this keeper proves to others, and how it checks what they prove. */
  readonly identity: IdentityOptions;
  readonly onReason: (code: ReasonCode, detail: string) => void;
};

const askTimeout_ms = 5_000;
const forwardPause_ms = 100;

/** The reply to a question that has no answer here. */
const nothing = new Uint8Array();

const protocolOf: Record<Question, string> = {
  pull: "/whitepay/pull/1",
  records: "/whitepay/records/1",
  page: "/whitepay/record-page/1",
  pieces: "/whitepay/keeper-pieces/1",
};

type Services = { pubsub: GossipSub; ping: Ping; [name: string]: unknown };

/** What stands around the node: made before it, since the node asks it whom to let in. */
class Edge {
  readonly identities = new Identities();
  readonly gate = new GossipGate((peer) => this.identities.operatorOf(peer.toString()) !== undefined);
  readonly pending = new PendingHosts(pendingConnections.perHost);
  readonly meter: InboundMeter;
  readonly refused: TokenBuckets;
  scale: Scale;

  constructor(groups: number) {
    this.scale = { ...smallestScale, groups: Math.max(1, groups) };
    const names = maxKeeperNames(groups);
    this.meter = new InboundMeter(() => gossipBytes(this.scale), names);
    this.refused = new TokenBuckets(names, () => performance.now());
  }
}

/** Rounds of dialling that the side with the higher peer id leaves to the other one. */
const roundsOfOtherSide = 5;

export class GossipTransport implements TransportPort, PeerStatsPort {
  readonly node: Libp2p<Services>;
  readonly #edge: Edge;
  readonly #options: TransportOptions;
  readonly #handshake: Handshake;
  readonly #room: ConnectionRoom;
  readonly #hellos: DirectHellos;
  readonly #judges = new Map<string, (peer: PeerId, bytes: Uint8Array) => Promise<Verdict>>();
  readonly #stopped = new AbortController();
  /** Open connections on which both sides have proven themselves, by peer. */
  readonly #mutual = new Map<string, Set<Connection>>();
  readonly #dialing = new Set<string>();
  /** Rounds of dialling in a row in which a peer was not connected. */
  #missed = new Map<string, number>();
  #listener: (operators: readonly Hex[]) => void = () => undefined;

  private constructor(node: Libp2p<Services>, edge: Edge, options: TransportOptions) {
    this.node = node;
    this.#edge = edge;
    this.#options = options;
    const { identities } = edge;
    this.#handshake = new Handshake(
      options.identity,
      {
        node,
        identities,
        onReason: options.onReason,
        onMutual: (peer, connection) => this.#onMutual(peer, connection),
        onDisplaced: (peerId) => this.#disconnect(peerId),
      },
      options.topics.length,
    );
    this.#room = new ConnectionRoom({
      connections: () => node.getConnections(),
      room: () => keeperConnections,
      // A peer that only claims to be a keeper has no place of its own before it has proven it.
      isExpected: (peer) => identities.operatorOf(peer) !== undefined,
      now_ms: () => Date.now(),
    });
    this.#hellos = new DirectHellos({
      node,
      judge: async (topic, peer, bytes) => this.#judges.get(topic)?.(peer, bytes),
      passOn: async (topic, bytes) => void (await node.services.pubsub.publish(topic, bytes)),
    });
    node.addEventListener("connection:open", ({ detail }) => this.#onOpen(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#onClose(detail));
  }

  static async start(options: TransportOptions): Promise<GossipTransport> {
    const edge = new Edge(options.topics.length);
    const node = await createLibp2p({
      privateKey: await privateKeyOf(options.peerSecret),
      addresses: { listen: [...options.listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [muxer(streamsOfPeer.all)],
      connectionGater: {
        // Strangers are turned away once they have shown their key (D4, D6).
        denyInboundConnection: (connection) => !edge.pending.begins(connection),
        denyInboundEncryptedConnection: (peer, connection) => {
          edge.pending.ended(connection);
          const name = peer.toString();
          if (edge.identities.isExpected(name)) return false;
          // Before the first look at the directory everybody is a stranger.
          if (!edge.identities.isEmpty) options.onReason("wire-stranger", name);
          return true;
        },
        ...metered(edge.meter),
      },
      connectionManager: {
        maxConnections: hardMaxConnections,
        inboundConnectionThreshold: pendingConnections.perSecondAndHost,
        maxIncomingPendingConnections: pendingConnections.all,
        inboundUpgradeTimeout: pendingConnections.limit_ms,
        addressDialTimeout: addressDial_ms,
        // The order of addresses says whom a claim is of; the node must not sort them.
        addressSorter: () => 0,
        reconnectRetries: 0,
      },
      connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
      services: {
        identify: identify({ runOnConnectionOpen: false, maxInboundStreams: 1 }),
        // The node asks for signs of life by itself, and the monitor for latencies.
        ping: ping({ maxInboundStreams: 4 }),
        pubsub: gossip(options.topics, edge.gate),
      },
    });
    const transport = new GossipTransport(node, edge, options);
    await transport.#handshake.serve();
    await transport.#hellos.serve();
    transport.#tick();
    return transport;
  }

  get peerId(): string {
    return this.node.peerId.toString();
  }

  get addresses(): string[] {
    return this.node.getMultiaddrs().map(String);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.node.stop();
  }

  join(topic: string, handler: GossipHandler): void {
    const { pubsub } = this.node.services;
    const judge = (peer: PeerId, bytes: Uint8Array): Promise<Verdict> => this.#judge(handler, peer, bytes);
    this.#judges.set(topic, judge);
    pubsub.topicValidators.set(topic, async (peer, message) => {
      const verdict = await judge(peer, message.data);
      if (verdict === "reject") return TopicValidatorResult.Reject;
      if (verdict !== "accept") return TopicValidatorResult.Ignore;
      await this.#beforeForwarding();
      return TopicValidatorResult.Accept;
    });
    pubsub.subscribe(topic);
  }

  async #judge(handler: GossipHandler, peer: PeerId, bytes: Uint8Array): Promise<Verdict> {
    const name = peer.toString();
    const operator = this.#edge.identities.operatorOf(name);
    if (operator === undefined) return "ignore";
    // What is refused costs its peer tokens; what is accepted costs its author some (D6).
    const { refused, scale } = this.#edge;
    const tokens = refusedTokens(bytes.length);
    if (!refused.take(name, refusedRate(scale), tokens)) {
      this.#options.onReason("wire-flood", name);
      return "ignore";
    }
    const verdict = await handler(bytes, operator);
    if (verdict === "accept" || verdict === "surplus") refused.giveBack(name, refusedRate(scale), tokens);
    return verdict;
  }

  /**
   * The keeper has the message; what follows is handing it on. Most peers have it from its author already and say so
   * (IDONTWANT): read while waiting, that spares them a copy from everyone.
   */
  async #beforeForwarding(): Promise<void> {
    await sleep(forwardPause_ms, undefined, { ref: false });
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    const { pubsub } = this.node.services;
    await pubsub.publish(topic, bytes);
    if (!isHello(bytes)) return;
    const reached = new Set(pubsub.getSubscribers(topic).map(String));
    const unreached = [...this.#mutual].filter(([peer]) => !reached.has(peer));
    // The newest connection of a peer is the one that is surely alive.
    const connections = unreached.map(([, open]) => [...open].at(-1)).filter((one) => one !== undefined);
    this.#hellos.send(topic, bytes, connections);
  }

  serve(question: Question, handler: RequestHandler): void {
    const answer = async (stream: Stream, peer: PeerId): Promise<void> => {
      const operator = this.#edge.identities.operatorOf(peer.toString());
      if (operator === undefined) {
        this.#options.onReason("wire-stranger", peer.toString());
        throw new Error("refused");
      }
      const signal = AbortSignal.timeout(askTimeout_ms);
      const io = lpStream(stream, { maxDataLength: maxQuestionBytes });
      const request = (await io.read({ signal })).subarray();
      const reply = await handler(request, operator);
      await io.write(reply ?? nothing, { signal });
      await stream.close({ signal });
    };
    void this.node.handle(
      protocolOf[question],
      (stream, connection) => {
        answer(stream, connection.remotePeer).catch((error: unknown) => stream.abort(error as Error));
      },
      { maxInboundStreams: streamsOfPeer.question },
    );
  }

  async ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const peerId = this.#edge.identities.peerOf(keeper);
    const connection = this.node.getConnections().find((c) => c.remotePeer.toString() === peerId);
    if (connection === undefined || peerId === undefined) return undefined;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
    const expected = this.#edge.meter.expect(peerId, maxReplyBytes);
    let stream: Stream | undefined;
    try {
      stream = await connection.newStream(protocolOf[question], { signal });
      const io = lpStream(stream, { maxDataLength: maxReplyBytes });
      await io.write(bytes, { signal });
      const reply = (await io.read({ signal })).subarray();
      await stream.close({ signal });
      return reply.length === 0 ? undefined : reply;
    } catch (error) {
      stream?.abort(error as Error);
      return undefined;
    } finally {
      expected();
    }
  }

  setMembers(members: readonly Endpoint[], own: Endpoint | undefined, scale: Scale): void {
    const { identities } = this.#edge;
    this.#edge.scale = scale;
    identities.setClaims(members);
    // The registry may name another peer for this operator: then there is nothing that this one could prove.
    if (own?.peerId === this.peerId) this.#handshake.setOwn(own.sequence);
    for (const peer of this.node.getPeers()) {
      if (!identities.isExpected(peer.toString())) this.#disconnect(peer.toString());
    }
    this.#shakeHands();
    this.#tell();
  }

  onConnected(listener: (operators: readonly Hex[]) => void): void {
    this.#listener = listener;
    this.#tell();
  }

  async latencies_ms(): Promise<ReadonlyMap<Hex, number>> {
    const latencies = new Map<Hex, number>();
    const measure = async (peer: PeerId): Promise<void> => {
      const operator = this.#edge.identities.operatorOf(peer.toString());
      if (operator === undefined) return;
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
      // One that went away has no latency.
      const took_ms = await this.node.services.ping.ping(peer, { signal }).catch(() => undefined);
      if (took_ms !== undefined) latencies.set(operator, took_ms);
    };
    await Promise.all(this.node.getPeers().map(measure));
    return latencies;
  }

  #tell(): void {
    const operators = [...this.#mutual.keys()].map((peer) => this.#edge.identities.operatorOf(peer));
    this.#listener([...new Set(operators.filter((operator) => operator !== undefined))]);
  }

  #onOpen(connection: Connection): void {
    this.#room.opened(connection);
    if (connection.direction === "outbound") void this.#handshake.begin(connection);
  }

  #onMutual(peer: PeerId, connection: Connection): void {
    if (connection.status !== "open") return;
    const name = peer.toString();
    this.#mutual.set(name, (this.#mutual.get(name) ?? new Set()).add(connection));
    this.#edge.gate.connected(peer, connection);
    this.#tell();
  }

  #onClose(connection: Connection): void {
    const name = connection.remotePeer.toString();
    const open = this.#mutual.get(name);
    if (open?.delete(connection) !== true || open.size > 0) return;
    this.#mutual.delete(name);
    this.#edge.gate.disconnected(connection.remotePeer);
    this.#tell();
  }

  #disconnect(peerId: string): void {
    for (const connection of this.node.getConnections()) {
      if (connection.remotePeer.toString() === peerId) connection.abort(new Error("not a keeper here"));
    }
  }

  #shakeHands(): void {
    for (const connection of this.node.getConnections()) {
      if (connection.direction === "outbound") void this.#handshake.begin(connection);
    }
  }

  /**
   * Keep-alive does not redial after an outage, a proof that failed may hold once both have read the registry, and gossipsub
   * opens no second stream by itself where the first one broke.
   */
  #tick(): void {
    if (this.#stopped.signal.aborted) return;
    this.#room.sweep();
    this.#shakeHands();
    for (const open of this.#mutual.values()) {
      for (const connection of open) this.#edge.gate.connected(connection.remotePeer, connection);
    }
    this.#redial();
    setTimeout(() => this.#tick(), this.#options.redial_ms).unref();
  }

  /**
   * One side of each pair dials at once, so that two calls do not cross, and the other one if no call came for a while: who cannot
   * be dialled, or is a second process with a key (D9), is reached in this way. No peer's addresses keep another one waiting.
   */
  #redial(): void {
    const connected = new Set(this.node.getPeers().map(String));
    const before = this.#missed;
    this.#missed = new Map();
    for (const [peerId, addresses] of this.#edge.identities.targets()) {
      if (this.peerId === peerId || connected.has(peerId)) continue;
      const missed = (before.get(peerId) ?? 0) + 1;
      this.#missed.set(peerId, missed);
      const isMine = this.peerId < peerId || missed > roundsOfOtherSide;
      if (isMine && !this.#dialing.has(peerId)) void this.#dial(peerId, addressesOf(peerId, addresses));
    }
  }

  async #dial(peerId: string, addresses: readonly Multiaddr[]): Promise<void> {
    if (addresses.length === 0) return;
    this.#dialing.add(peerId);
    const limit = AbortSignal.timeout(addressDial_ms * (addresses.length + 1));
    const signal = AbortSignal.any([this.#stopped.signal, limit]);
    await this.node.dial([...addresses], { signal }).catch(() => undefined);
    this.#dialing.delete(peerId);
  }
}
