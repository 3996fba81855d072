/** The provider's libp2p node: three protocols, each one fixed-size request and one answer, bounded per peer (D3, D6). */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { byteStream } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";
import {
  CHALLENGE_PROTOCOL,
  CHALLENGE_REQUEST_BYTES,
  PIECES_PROTOCOL,
  PIECES_REQUEST_BYTES,
  decodeChallengeRequest,
  decodePiecesRequest,
  encodeChallengeResponse,
  refusal,
} from "../keeper/codec/challenge.ts";
import type { PiecesRequest } from "../keeper/codec/challenge.ts";
import {
  RETRIEVE_PROTOCOL,
  RETRIEVE_REQUEST_BYTES,
  decodeRetrieveRequest,
} from "../keeper/codec/retrieve.ts";
import type { RetrieveRequest } from "../keeper/codec/retrieve.ts";
import type { DecodeCode } from "../storage/core/bytes.ts";
import type { Result } from "../storage/core/result.ts";
import type { FaultyResponder } from "./faults.ts";
import type { Responder } from "./logic.ts";

/** A stream that takes longer than this, the work included, is cut. */
const STREAM_TIMEOUT_MS = 30_000;
const MAX_STREAMS_PER_PEER = 8;
/** Requests of one peer: a full bucket, and what it gains a second. */
const BURST = 64;
const RATE_PER_SECOND = 16;
const MAX_TRACKED_PEERS = 1024;

export interface ServerOptions {
  /** 32-byte seed of the ed25519 key. */
  readonly peerSeed: Uint8Array;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
}

export interface ServerDependencies {
  readonly challenge: FaultyResponder;
  readonly pieces: Responder<PiecesRequest>;
  readonly retrieve: Responder<RetrieveRequest>;
  /** False: the node behaves as if it were not there. */
  readonly online: () => Promise<boolean>;
}

/** Starts the node and serves its protocols. Rejects when an address cannot be listened on. */
export async function startServer(options: ServerOptions, dependencies: ServerDependencies): Promise<Libp2p> {
  const privateKey = await generateKeyPairFromSeed("Ed25519", options.peerSeed);
  const libp2p = await createLibp2p({
    privateKey,
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() },
    // Many keepers may share one address (several machines behind one, or a test on one machine).
    connectionManager: {
      maxConnections: 512,
      inboundConnectionThreshold: 100,
      maxIncomingPendingConnections: 64,
    },
  });
  const allowed = rateLimiter();
  const serve = <Request>(
    requestBytes: number,
    decode: (bytes: Uint8Array) => Result<Request, DecodeCode>,
    respond: (request: Request, peer: string) => Promise<Uint8Array | undefined>,
  ): ((stream: Stream, connection: Connection) => void) => {
    return (stream, connection) => {
      const peer = connection.remotePeer.toString();
      const work = async (): Promise<void> => {
        if (!(await dependencies.online())) throw new Error("offline");
        await answerStream({ stream, peer, allowed, requestBytes, decode, respond });
      };
      // A peer that breaks the protocol, leaves or dawdles loses its stream and nothing else happens.
      work().catch((error: unknown) => stream.abort(error as Error));
    };
  };
  const streamOptions = { maxInboundStreams: MAX_STREAMS_PER_PEER };
  const challenge = serve(CHALLENGE_REQUEST_BYTES, decodeChallengeRequest, dependencies.challenge);
  const pieces = serve(PIECES_REQUEST_BYTES, decodePiecesRequest, dependencies.pieces);
  await libp2p.handle(CHALLENGE_PROTOCOL, challenge, streamOptions);
  await libp2p.handle(PIECES_PROTOCOL, pieces, streamOptions);
  const retrieve = serve(RETRIEVE_REQUEST_BYTES, decodeRetrieveRequest, dependencies.retrieve);
  await libp2p.handle(RETRIEVE_PROTOCOL, retrieve, streamOptions);
  return libp2p;
}

async function answerStream<Request>(call: {
  readonly stream: Stream;
  readonly peer: string;
  readonly allowed: (peer: string) => boolean;
  readonly requestBytes: number;
  readonly decode: (bytes: Uint8Array) => Result<Request, DecodeCode>;
  readonly respond: (request: Request, peer: string) => Promise<Uint8Array | undefined>;
}): Promise<void> {
  const { stream, peer, requestBytes } = call;
  const signal = AbortSignal.timeout(STREAM_TIMEOUT_MS);
  const io = byteStream(stream, { maxBufferSize: requestBytes + 1 });
  const bytes = (await io.read({ bytes: requestBytes, signal })).subarray();
  const decoded = call.decode(bytes);
  let response: Uint8Array | undefined;
  if (!call.allowed(peer)) {
    response = encodeChallengeResponse(refusal("busy", `at most ${RATE_PER_SECOND} requests a second`));
  } else if (!decoded.ok) {
    response = encodeChallengeResponse(refusal("malformed", `${decoded.code}: ${decoded.detail}`));
  } else {
    response = await call.respond(decoded.value, peer);
  }
  if (response === undefined) {
    stream.abort(new Error("no answer"));
    return;
  }
  await io.write(response, { signal });
  await stream.close({ signal });
}

/** Token bucket for each peer; the peer unseen for longest is forgotten first. */
function rateLimiter(): (peer: string) => boolean {
  const buckets = new Map<string, { tokens: number; at_ms: number }>();
  return (peer) => {
    const now_ms = performance.now();
    const bucket = buckets.get(peer) ?? { tokens: BURST, at_ms: now_ms };
    const gained = ((now_ms - bucket.at_ms) / 1000) * RATE_PER_SECOND;
    const tokens = Math.min(BURST, bucket.tokens + gained);
    const allowed = tokens >= 1;
    buckets.delete(peer);
    buckets.set(peer, { tokens: allowed ? tokens - 1 : tokens, at_ms: now_ms });
    if (buckets.size > MAX_TRACKED_PEERS) buckets.delete(buckets.keys().next().value as string);
    return allowed;
  };
}
