/** The provider's libp2p node. Each of its three protocols has one request of fixed size and one response, limited per peer (D3, D6). */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { byteStream } from "@libp2p/utils";
import { createLibp2p } from "libp2p";
import {
  challengeProtocol,
  challengeRequestBytes,
  piecesProtocol,
  piecesRequestBytes,
  decodeChallengeRequest,
  decodePiecesRequest,
  encodeChallengeResponse,
  refusal,
} from "../protocol/codec/challenge.ts";
import { muxer } from "../daemon/peers/muxer.ts";
import type { ChallengeRequest, PiecesRequest } from "../protocol/codec/challenge.ts";
import { retrieveProtocol, retrieveRequestBytes, decodeRetrieveRequest } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../protocol/codec/retrieve.ts";
import {
  hardMaxConnections,
  maxCallerNames,
  pendingConnections,
  requestRate,
  signOfLife_ms,
  streamBytes,
  streamsOfCaller,
} from "../protocol/limits/derived.ts";
import { TokenBuckets } from "../protocol/limits/token-buckets.ts";
import type { DecodeCode } from "../storage/core/bytes.ts";
import type { Result } from "../storage/core/result.ts";
import { ProviderConnections } from "./connections.ts";
import type { Responder, SilentResponder } from "./responder.ts";

/** Longest life of a stream, including the work for its response. */
const streamTimeout_ms = 30_000;
const sweepEvery_ms = 5_000;

export type ServerOptions = {
  /** 32-byte seed of the ed25519 key. */
  readonly peerSeed: Uint8Array;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
};

export type ServerDependencies = {
  readonly challenge: SilentResponder<ChallengeRequest>;
  readonly pieces: Responder<PiecesRequest>;
  readonly retrieve: Responder<RetrieveRequest>;
  /** Reads the peer ids of all keepers of the groups served from the chain. */
  readonly keeperPeers: () => Promise<ReadonlySet<string>>;
  /** Number of groups served. */
  readonly groups: number;
  /** False: all protocols are refused, as if the node were down. */
  readonly online: () => Promise<boolean>;
};

/** Starts the node and serves its protocols. Rejects when an address cannot be listened on. */
export async function startServer(options: ServerOptions, dependencies: ServerDependencies): Promise<Libp2p> {
  const privateKey = await generateKeyPairFromSeed("Ed25519", options.peerSeed);
  const { keeperPeers, groups } = dependencies;
  const inbound = new ProviderConnections(keeperPeers, () => libp2p.getConnections());
  const libp2p: Libp2p = await createLibp2p({
    privateKey,
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      muxer({
        maxInboundStreams: streamsOfCaller.all,
        streamOptions: { maxStreamWindowSize: streamBytes, maxReadBufferLength: streamBytes },
      }),
    ],
    services: { ping: ping({ maxInboundStreams: 2 }) },
    connectionGater: inbound.gater(),
    connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
    connectionManager: {
      maxConnections: hardMaxConnections,
      inboundConnectionThreshold: pendingConnections.perSecondAndHost,
      maxIncomingPendingConnections: pendingConnections.all,
      inboundUpgradeTimeout: pendingConnections.limit_ms,
    },
  });
  libp2p.addEventListener("connection:open", ({ detail }) => inbound.opened(detail));
  const sweeping = setInterval(() => inbound.sweep(), sweepEvery_ms).unref();
  libp2p.addEventListener("stop", () => clearInterval(sweeping));
  const callers = new TokenBuckets(maxCallerNames, () => performance.now());
  const rate = requestRate(groups);
  const allowed = (peer: string): boolean => callers.take(peer, rate);
  const serve = <Request>(
    requestBytes: number,
    decode: (bytes: Uint8Array) => Result<Request, DecodeCode>,
    respond: SilentResponder<Request>,
  ): ((stream: Stream, connection: Connection) => void) => {
    return (stream, connection) => {
      const peer = connection.remotePeer.toString();
      const work = async (): Promise<void> => {
        if (!(await dependencies.online())) throw new Error("offline");
        await answerStream({ stream, peer, allowed, requestBytes, decode, respond });
        inbound.used(peer);
      };
      // A peer that breaks the protocol, disconnects or is too slow loses this stream only.
      work().catch((error: unknown) => stream.abort(error as Error));
    };
  };
  const streamOptions = { maxInboundStreams: streamsOfCaller.request };
  const challenge = serve(challengeRequestBytes, decodeChallengeRequest, dependencies.challenge);
  const pieces = serve(piecesRequestBytes, decodePiecesRequest, dependencies.pieces);
  await libp2p.handle(challengeProtocol, challenge, streamOptions);
  await libp2p.handle(piecesProtocol, pieces, streamOptions);
  const retrieve = serve(retrieveRequestBytes, decodeRetrieveRequest, dependencies.retrieve);
  await libp2p.handle(retrieveProtocol, retrieve, streamOptions);
  return libp2p;
}

async function answerStream<Request>(call: {
  readonly stream: Stream;
  readonly peer: string;
  readonly allowed: (peer: string) => boolean;
  readonly requestBytes: number;
  readonly decode: (bytes: Uint8Array) => Result<Request, DecodeCode>;
  readonly respond: SilentResponder<Request>;
}): Promise<void> {
  const { stream, peer, requestBytes } = call;
  const signal = AbortSignal.timeout(streamTimeout_ms);
  const io = byteStream(stream, { maxBufferSize: requestBytes + 1 });
  const bytes = (await io.read({ bytes: requestBytes, signal })).subarray();
  const decoded = call.decode(bytes);
  let response: Uint8Array | undefined;
  if (!call.allowed(peer)) {
    response = encodeChallengeResponse(refusal("busy", "too many requests of this peer; ask again later"));
  } else if (!decoded.ok) {
    response = encodeChallengeResponse(refusal("malformed", `${decoded.code}: ${decoded.detail}`));
  } else {
    response = await call.respond(decoded.value, peer);
  }
  if (response === undefined) {
    stream.abort(new Error("the responder gives no answer"));
    return;
  }
  await io.write(response, { signal });
  await stream.close({ signal });
}
