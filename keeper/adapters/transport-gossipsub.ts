/** Keepers among themselves: gossipsub for what all must hear, streams for questions to one. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gossipsub, StrictNoSign, TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import { createTopicScoreParams } from "@chainsafe/libp2p-gossipsub/score";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Libp2p, PeerId, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import type { Ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { lpStream } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { maxMessageBytes } from "../codec/message.ts";
import { maxQuestionBytes, maxReplyBytes } from "../codec/question.ts";
import { fromHex } from "../core/hash.ts";
import type { Hex } from "../core/hash.ts";
import type { ReasonCode } from "../core/reasons.ts";
import type { Endpoint } from "../ports/chain.ts";
import type {
  GossipHandler,
  PeerStatsPort,
  Question,
  RequestHandler,
  TransportPort,
} from "../ports/transport.ts";

export type TransportOptions = {
  /** 32-byte seed of the ed25519 key, hex. */
  readonly peerSecret: Hex;
  readonly listen: readonly string[];
  readonly redial_ms: number;
  /** Topics that may be gossiped about at all. */
  readonly topics: readonly string[];
  readonly onReason: (code: ReasonCode, detail: string) => void;
};

const askTimeout_ms = 5_000;
const maxStreamsPerPeer = 16;
const forwardPause_ms = 100;
/** Messages below this are handed on to peers that have them: saying that one has it costs as much. */
const announcedBytes = 128;
/** Messages of one peer: a full bucket, and what it gains a second (D6). */
const burst = 512;
const ratePerSecond = 128;

/** The reply to a question that has no answer here. */
const nothing = new Uint8Array();

const protocolOf: Record<Question, string> = {
  pull: "/whitepay/pull/1",
  records: "/whitepay/records/1",
  pieces: "/whitepay/keeper-pieces/1",
};

function messageId(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

/**
 * Gossip of signed envelopes needs no second signature: StrictNoSign, and the id is the hash of the whole message.
 * Peers on one address are no fault here (a factor of zero), since several keepers may sit behind one.
 */
function gossip(topics: readonly string[]): ReturnType<typeof gossipsub> {
  // Without a weight an invalid message would cost its sender nothing (D6).
  const invalidCosts = createTopicScoreParams({
    topicWeight: 1,
    invalidMessageDeliveriesWeight: -10,
    invalidMessageDeliveriesDecay: 0.9,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
  });
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => messageId(message.data),
    fastMsgIdFn: (rpc) => messageId(rpc.data ?? new Uint8Array()).toString("latin1"),
    floodPublish: true,
    doPX: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    D: 6,
    idontwantMinDataSize: announcedBytes,
    maxInboundDataLength: maxMessageBytes,
    allowedTopics: [...topics],
    scoreParams: {
      IPColocationFactorWeight: 0,
      topics: Object.fromEntries(topics.map((topic) => [topic, invalidCosts])),
    },
  });
}

type Services = { pubsub: ReturnType<ReturnType<typeof gossipsub>>; ping: Ping; [name: string]: unknown };

export class GossipTransport implements TransportPort, PeerStatsPort {
  readonly node: Libp2p<Services>;
  readonly #members: Map<string, Endpoint>;
  readonly #options: TransportOptions;
  readonly #buckets = new Map<string, { tokens: number; at_ms: number }>();
  readonly #stopped = new AbortController();
  #listener: (operators: readonly Hex[]) => void = () => undefined;

  private constructor(node: Libp2p<Services>, members: Map<string, Endpoint>, options: TransportOptions) {
    this.node = node;
    this.#members = members;
    this.#options = options;
    const changed = (): void => this.#listener(this.#connected());
    node.addEventListener("peer:connect", changed);
    node.addEventListener("peer:disconnect", changed);
  }

  static async start(options: TransportOptions): Promise<GossipTransport> {
    const members = new Map<string, Endpoint>();
    const node = await createLibp2p({
      privateKey: await generateKeyPairFromSeed("Ed25519", fromHex(options.peerSecret)),
      addresses: { listen: [...options.listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: {
        // Strangers are turned away once they have shown their key (D4, D6).
        denyInboundEncryptedConnection: (peer: PeerId) => {
          const name = peer.toString();
          if (members.has(name)) return false;
          // Before the first look at the directory everybody is a stranger.
          if (members.size > 0) options.onReason("wire-stranger", name);
          return true;
        },
      },
      connectionManager: {
        maxConnections: 512,
        inboundConnectionThreshold: 100,
        maxIncomingPendingConnections: 64,
      },
      services: { identify: identify(), ping: ping(), pubsub: gossip(options.topics) },
    });
    const transport = new GossipTransport(node, members, options);
    transport.#redialLoop();
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
    pubsub.topicValidators.set(topic, async (peer, message) => {
      const member = this.#members.get(peer.toString());
      if (member === undefined) {
        this.#options.onReason("wire-stranger", peer.toString());
        return TopicValidatorResult.Ignore;
      }
      if (!this.#allowed(`gossip of ${peer.toString()}`)) return TopicValidatorResult.Ignore;
      const verdict = await handler(message.data, member.operator);
      if (verdict === "accept") {
        await this.#beforeForwarding();
        return TopicValidatorResult.Accept;
      }
      return verdict === "ignore" ? TopicValidatorResult.Ignore : TopicValidatorResult.Reject;
    });
    pubsub.subscribe(topic);
  }

  /**
   * The keeper has the message; what follows is handing it on. Most peers have it from its author already and say so
   * (IDONTWANT): read while waiting, that spares them a copy from everyone.
   */
  async #beforeForwarding(): Promise<void> {
    await sleep(forwardPause_ms, undefined, { ref: false });
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    await this.node.services.pubsub.publish(topic, bytes);
  }

  serve(question: Question, handler: RequestHandler): void {
    const answer = async (stream: Stream, peer: PeerId): Promise<void> => {
      const member = this.#members.get(peer.toString());
      if (member === undefined) {
        this.#options.onReason("wire-stranger", peer.toString());
        throw new Error("refused");
      }
      // Apart from gossip: whoever asks much, as an exchange does, must still be heard.
      if (!this.#allowed(`questions of ${peer.toString()}`)) throw new Error("refused");
      const signal = AbortSignal.timeout(askTimeout_ms);
      const io = lpStream(stream, { maxDataLength: maxQuestionBytes });
      const request = (await io.read({ signal })).subarray();
      const reply = await handler(request, member.operator);
      await io.write(reply ?? nothing, { signal });
      await stream.close({ signal });
    };
    void this.node.handle(
      protocolOf[question],
      (stream, connection) => {
        answer(stream, connection.remotePeer).catch((error: unknown) => stream.abort(error as Error));
      },
      { maxInboundStreams: maxStreamsPerPeer },
    );
  }

  async ask(keeper: Hex, question: Question, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const connection = this.node
      .getConnections()
      .find((c) => this.#members.get(c.remotePeer.toString())?.operator === keeper);
    if (connection === undefined) return undefined;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
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
    }
  }

  setMembers(members: readonly Endpoint[]): void {
    this.#members.clear();
    for (const member of members) this.#members.set(member.peerId, member);
    this.#listener(this.#connected());
  }

  onConnected(listener: (operators: readonly Hex[]) => void): void {
    this.#listener = listener;
    listener(this.#connected());
  }

  async latencies_ms(): Promise<ReadonlyMap<Hex, number>> {
    const latencies = new Map<Hex, number>();
    const measure = async (peer: PeerId): Promise<void> => {
      const operator = this.#members.get(peer.toString())?.operator;
      if (operator === undefined) return;
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
      // One that went away has no latency.
      const took_ms = await this.node.services.ping.ping(peer, { signal }).catch(() => undefined);
      if (took_ms !== undefined) latencies.set(operator, took_ms);
    };
    await Promise.all(this.node.getPeers().map(measure));
    return latencies;
  }

  #connected(): Hex[] {
    const operators = this.node
      .getPeers()
      .map((peer) => this.#members.get(peer.toString())?.operator)
      .filter((operator) => operator !== undefined);
    return [...new Set(operators)];
  }

  /** Keep-alive does not redial after an outage. One side of each pair dials, so that two calls do not cross. */
  #redialLoop(): void {
    const dial = async (): Promise<void> => {
      const me = this.peerId;
      const missing = [...this.#members.values()].filter(
        (member) =>
          me < member.peerId && !this.node.getPeers().some((peer) => peer.toString() === member.peerId),
      );
      await Promise.all(missing.map((member) => this.#dial(member)));
    };
    const again = (): void => {
      if (this.#stopped.signal.aborted) return;
      dial()
        .catch(() => undefined)
        .finally(() => setTimeout(again, this.#options.redial_ms).unref());
    };
    again();
  }

  async #dial(member: Endpoint): Promise<void> {
    const addresses = member.multiaddrs.map((address) => {
      const text = address.includes("/p2p/") ? address : `${address}/p2p/${member.peerId}`;
      return multiaddr(text);
    });
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(askTimeout_ms)]);
    await this.node.dial(addresses, { signal }).catch(() => undefined);
  }

  #allowed(who: string): boolean {
    const now_ms = performance.now();
    const bucket = this.#buckets.get(who) ?? { tokens: burst, at_ms: now_ms };
    const gained = ((now_ms - bucket.at_ms) / 1000) * ratePerSecond;
    const tokens = Math.min(burst, bucket.tokens + gained);
    this.#buckets.set(who, { tokens: Math.max(0, tokens - 1), at_ms: now_ms });
    if (tokens < 1) this.#options.onReason("wire-flood", who);
    return tokens >= 1;
  }
}
