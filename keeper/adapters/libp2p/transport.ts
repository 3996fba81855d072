/** Transport between keepers: gossipsub for messages to all, streams for questions to one keeper. */
import { setTimeout as sleep } from "node:timers/promises";
import { TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { Connection, PeerId } from "@libp2p/interface";
import { ConnectionRoom } from "../../../daemon/peers/connection-room.ts";
import { bestFirst, closeIdle } from "../../../daemon/peers/relay/stream.ts";
import { isHello } from "../../../protocol/codec/message.ts";
import type { Question } from "../../../protocol/codec/question.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { keeperConnections, refusedRate, refusedTokens } from "../../../protocol/limits/derived.ts";
import type { Scale } from "../../../protocol/limits/derived.ts";
import { relayedLife } from "../../../protocol/limits/relay.ts";
import type { Endpoint } from "../../ports/chain.ts";
import type {
  GossipHandler,
  PeerStatsPort,
  RequestHandler,
  TransportPort,
  Verdict,
} from "../../ports/transport.ts";
import { Dialer } from "./dialer.ts";
import type { KeeperLocator } from "./dialer.ts";
import { DirectHellos } from "./direct-hello.ts";
import { allowTopic, moveGossip } from "./gossip.ts";
import { Handshake } from "./handshake.ts";
import type { IdentityOptions } from "./handshake.ts";
import { Admission, startKeeperNode } from "./keeper-node.ts";
import type { KeeperNode, NodeOptions } from "./keeper-node.ts";
import { QuestionStreams, askTimeout_ms } from "./question-streams.ts";

export type TransportOptions = NodeOptions & {
  readonly redial_ms: number;
  /** R3: the identity that this keeper proves, and the check of the others' proofs. */
  readonly identity: IdentityOptions;
};

const forwardPause_ms = 100;

export class GossipTransport implements TransportPort, PeerStatsPort {
  readonly node: KeeperNode;
  readonly #admission: Admission;
  readonly #options: TransportOptions;
  readonly #handshake: Handshake;
  readonly #room: ConnectionRoom;
  readonly #questions: QuestionStreams;
  readonly #dialer: Dialer;
  readonly #hellos: DirectHellos;
  readonly #judges = new Map<string, (peer: PeerId, bytes: Uint8Array) => Promise<Verdict>>();
  readonly #stopped = new AbortController();
  /** Open connections on which both sides have proven their identity, by peer. */
  readonly #mutual = new Map<string, Set<Connection>>();
  /** Peers whose gossip moves to another connection now. */
  readonly #moving = new Set<string>();
  #registered: readonly Endpoint[] = [];
  #locator: KeeperLocator | undefined;
  #listener: (operators: readonly Hex[]) => void = () => undefined;

  private constructor(node: KeeperNode, admission: Admission, options: TransportOptions) {
    this.node = node;
    this.#admission = admission;
    this.#options = options;
    const { identities, meter } = admission;
    const { onReason } = options;
    const stopped = this.#stopped.signal;
    this.#questions = new QuestionStreams({ node, identities, meter, onReason, stopped });
    const life = options.relays?.life ?? relayedLife;
    this.#dialer = new Dialer({ node, identities, locator: () => this.#locator, life, stopped });
    this.#handshake = new Handshake(options.identity, {
      node,
      identities,
      onReason,
      onMutual: (peer, connection) => this.#onMutual(peer, connection),
      onDisplaced: (peerId) => this.#disconnect(peerId),
    });
    this.#room = new ConnectionRoom({
      connections: () => node.getConnections(),
      room: () => keeperConnections,
      // A place is reserved only for a peer that has proven to be a keeper, and for relays.
      isExpected: (peer) => identities.operatorOf(peer) !== undefined || admission.isRelay(peer),
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
    const admission = new Admission(options.relays?.isRelay);
    const node = await startKeeperNode(options, admission);
    const transport = new GossipTransport(node, admission, options);
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

  /** From now on, keepers that are not at their registered addresses are looked for. */
  findBy(locator: KeeperLocator): void {
    this.#locator = locator;
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
    allowTopic(pubsub, topic);
    pubsub.subscribe(topic);
    // A peer that subscribed before this topic was allowed says so again on a new connection.
    for (const peer of this.node.getPeers().map(String)) {
      if (!this.#admission.isRelay(peer)) this.#disconnect(peer);
    }
  }

  async #judge(handler: GossipHandler, peer: PeerId, bytes: Uint8Array): Promise<Verdict> {
    const name = peer.toString();
    const operator = this.#admission.identities.operatorOf(name);
    if (operator === undefined) return "ignore";
    // A refused message costs the sending peer tokens; an accepted one costs its author tokens, in Ingress (D6).
    const { refused, scale } = this.#admission;
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
   * Waits before gossipsub forwards a message. Most peers have it from its author already and say so (IDONTWANT); the node reads
   * that during the pause and sends them no copy.
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
    // An older connection of the same peer may be dead.
    const connections = unreached.map(([, open]) => [...open].at(-1)).filter((one) => one !== undefined);
    this.#hellos.send(topic, bytes, connections);
  }

  serve(question: Question, handler: RequestHandler): void {
    this.#questions.serve(question, handler);
  }

  ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#questions.ask(keeper, question, bytes);
  }

  /** Registrations of the members of the committees, with this keeper's own. */
  get registered(): readonly Endpoint[] {
    return this.#registered;
  }

  /** Whether a member registered this peer. */
  isMember(peer: string): boolean {
    return this.#admission.identities.isExpected(peer);
  }

  setMembers(members: readonly Endpoint[], own: Endpoint | undefined, scale: Scale): void {
    this.#registered = own === undefined ? members : [...members, own];
    const { identities } = this.#admission;
    this.#admission.scale = scale;
    identities.setClaims(members);
    // If the registry names another peer id for this operator, this process has nothing to prove.
    if (own?.peerId === this.peerId) this.#handshake.setOwn(own.sequence);
    for (const peer of this.node.getPeers().map(String)) {
      if (!this.#admission.admits(peer)) this.#disconnect(peer);
    }
    this.#beginHandshakes();
    this.#reportConnected();
  }

  onConnected(listener: (operators: readonly Hex[]) => void): void {
    this.#listener = listener;
    this.#reportConnected();
  }

  async latencies_ms(): Promise<ReadonlyMap<Hex, number>> {
    const latencies = new Map<Hex, number>();
    const measure = async (peer: PeerId): Promise<void> => {
      const operator = this.#admission.identities.operatorOf(peer.toString());
      if (operator === undefined) return;
      const took_ms = await this.#latency_ms(peer);
      if (took_ms !== undefined) latencies.set(operator, took_ms);
    };
    await Promise.all(this.node.getPeers().map(measure));
    return latencies;
  }

  async #latency_ms(peer: PeerId): Promise<number | undefined> {
    const connections = this.node.getConnections(peer);
    // The library would dial anew for a ping over a relay; its connection monitor measures those, too.
    if (connections.every(({ limits }) => limits !== undefined)) return connections.at(-1)?.rtt;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
    // A peer that disconnected has no latency.
    return this.node.services.ping.ping(peer, { signal }).catch(() => undefined);
  }

  #reportConnected(): void {
    const operators = [...this.#mutual.keys()].map((peer) => this.#admission.identities.operatorOf(peer));
    this.#listener([...new Set(operators.filter((operator) => operator !== undefined))]);
  }

  #onOpen(connection: Connection): void {
    this.#room.opened(connection);
    this.#beginHandshake(connection);
  }

  #beginHandshake(connection: Connection): void {
    if (connection.direction !== "outbound" || this.#admission.isRelay(connection.remotePeer.toString())) {
      return;
    }
    void this.#handshake.begin(connection);
  }

  #onMutual(peer: PeerId, connection: Connection): void {
    if (connection.status !== "open") return;
    const name = peer.toString();
    this.#mutual.set(name, (this.#mutual.get(name) ?? new Set()).add(connection));
    this.#follow(name);
    this.#reportConnected();
  }

  /**
   * Opens the gossip to a peer, or moves it from a connection over a relay to a direct or newer one. The others over relays are closed when
   * the peer has moved its gossip, too.
   */
  #follow(name: string): void {
    const connections = bestFirst([...(this.#mutual.get(name) ?? [])]);
    for (const connection of connections) this.#admission.gate.connected(connection.remotePeer, connection);
    const [best, ...others] = connections;
    const left = others.filter(({ limits }) => limits !== undefined);
    if (best === undefined || left.length === 0 || this.#moving.has(name)) return;
    this.#moving.add(name);
    void moveGossip(this.node.services.pubsub, best)
      // The next round tries again.
      .catch(() => undefined)
      .finally(() => {
        this.#moving.delete(name);
        closeIdle(left);
      });
  }

  #onClose(connection: Connection): void {
    const name = connection.remotePeer.toString();
    const open = this.#mutual.get(name);
    if (open?.delete(connection) !== true) return;
    if (open.size > 0) return this.#follow(name);
    this.#mutual.delete(name);
    this.#admission.gate.disconnected(connection.remotePeer);
    this.#reportConnected();
  }

  #disconnect(peerId: string): void {
    for (const connection of this.node.getConnections()) {
      if (connection.remotePeer.toString() === peerId) connection.abort(new Error("not a keeper here"));
    }
  }

  #beginHandshakes(): void {
    for (const connection of this.node.getConnections()) this.#beginHandshake(connection);
  }

  /**
   * Repeats what libp2p does not repeat: dialling after an outage, a proof that failed because one side had not read the registry, a
   * gossip stream after the first one broke, and the end of a connection over a relay that another one replaced.
   */
  #tick(): void {
    if (this.#stopped.signal.aborted) return;
    this.#room.sweep();
    this.#beginHandshakes();
    for (const peer of this.#mutual.keys()) this.#follow(peer);
    this.#dialer.round();
    setTimeout(() => this.#tick(), this.#options.redial_ms).unref();
  }
}
