/** The provider's libp2p node. Each of its protocols has one request of known length and one response, limited per peer (D3, D6). */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { byteStream } from "@libp2p/utils";
import { createLibp2p } from "libp2p";
import {
  challengeHeaderBytes,
  challengeProtocol,
  challengeRequestBytes,
  maxChallengeRequestBytes,
  piecesProtocol,
  piecesRequestBytes,
  decodeChallengeRequest,
  decodePiecesRequest,
  encodeRefusal,
  isRefusal,
  refusal,
} from "../protocol/codec/challenge.ts";
import { connectionLimits } from "../daemon/peers/connection-limits.ts";
import { forgetPeers } from "../daemon/peers/forget.ts";
import { muxer } from "../daemon/peers/muxer.ts";
import type { RelayedTransport } from "../daemon/peers/relay/transport.ts";
import type { ChallengeRequest, PiecesRequest } from "../protocol/codec/challenge.ts";
import { decodeOfferRequest, offerProtocol, offerRequestBytes } from "../protocol/codec/offer.ts";
import type { RegistryScope } from "../protocol/codec/identity.ts";
import {
  decodeStoreMessage,
  maxStoreMessageBytes,
  storeHeaderBytes,
  storeKinds,
  storeMessageBytes,
  storeProtocol,
} from "../protocol/codec/store.ts";
import type { StoreMessage } from "../protocol/codec/store.ts";
import {
  decodePaidRetrieveRequest,
  isDue,
  maxPaidRetrieveRequestBytes,
  paidRetrieveHeaderBytes,
  paidRetrieveProtocol,
  paidRetrieveRequestBytes,
} from "../protocol/codec/paid-retrieve.ts";
import type { PaidRetrieveRequest } from "../protocol/codec/paid-retrieve.ts";
import { retrieveProtocol, retrieveRequestBytes, decodeRetrieveRequest } from "../protocol/codec/retrieve.ts";
import type { RetrieveRequest } from "../protocol/codec/retrieve.ts";
import {
  challengeRate,
  offerRate,
  maxCallerNames,
  requestRate,
  signOfLife_ms,
  strangerChallengeRate,
  streamBytes,
  streamsOfCaller,
} from "../protocol/limits/derived.ts";
import type { ProviderScale } from "../protocol/limits/derived.ts";
import { TokenBuckets } from "../protocol/limits/token-buckets.ts";
import type { Rate } from "../protocol/limits/token-buckets.ts";
import type { DecodeCode } from "../storage/core/bytes.ts";
import type { Result } from "../storage/core/result.ts";
import { ProviderConnections } from "./connections.ts";
import type { Responder, SilentResponder } from "./responder.ts";
import type { Admission, StoreDesk } from "./store/responder.ts";
import type { Refusal } from "../protocol/codec/challenge.ts";

/** Longest life of a stream, including the work for its response. */
const streamTimeout_ms = 30_000;
const sweepEvery_ms = 5_000;
/** Time in which a refused peer can read the refusal, while it may still send. */
const refusalStays_ms = 1_000;

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
  /** R47; undefined: reading costs nothing, and the protocol is not served. */
  readonly paidRetrieve?: Responder<PaidRetrieveRequest> | undefined;
  /** Undefined: nothing is offered, and the protocols of offers and storing are not served. */
  readonly offer?: Responder<RegistryScope>;
  readonly store?: Pick<StoreDesk, "admit" | "isSender" | "respond">;
  /** Reads the peer ids of all keepers of the groups served from the chain. */
  readonly keeperPeers: () => Promise<ReadonlySet<string>>;
  readonly scale: () => ProviderScale;
  /** The transport over relays, and the relays that this provider chose. Undefined: it is not reached over relays. */
  readonly relays?: { readonly transport: RelayedTransport; readonly isChosen: (peer: string) => boolean };
  /** False: all protocols are refused, as if the node were down. */
  readonly online: () => Promise<boolean>;
};

/** Starts the node and serves its protocols. Rejects when an address cannot be listened on. */
export async function startServer(options: ServerOptions, dependencies: ServerDependencies): Promise<Libp2p> {
  const { keeperPeers, relays, store, online } = dependencies;
  const inbound = new ProviderConnections(
    keeperPeers,
    () => libp2p.getConnections(),
    (peer) => store?.isSender(peer) ?? false,
    (peer) => relays?.isChosen(peer) ?? false,
  );
  const libp2p: Libp2p = await nodeOf(options, inbound, relays?.transport);
  libp2p.addEventListener("connection:open", ({ detail }) => inbound.opened(detail));
  forgetPeers(libp2p);
  const sweeping = setInterval(() => inbound.sweep(), sweepEvery_ms).unref();
  libp2p.addEventListener("stop", () => clearInterval(sweeping));
  const serve = async <Request>(name: string, protocol: Protocol<Request>): Promise<void> => {
    const answer = async (stream: Stream, connection: Connection): Promise<void> => {
      const peer = connection.remotePeer.toString();
      if (!(await online())) throw new Error("offline");
      await answerStream(stream, peer, protocol);
      inbound.used(peer);
    };
    const handler = (stream: Stream, connection: Connection): void => {
      // A peer that breaks the protocol, disconnects or is too slow loses this stream only.
      answer(stream, connection).catch((error: unknown) => stream.abort(error as Error));
    };
    await libp2p.handle(name, handler, {
      maxInboundStreams: streamsOfCaller.request,
      runOnLimitedConnection: true,
    });
  };
  const served = protocolsOf(dependencies, (peer) => inbound.isKeeper(peer));
  await serve(challengeProtocol, served.challenge);
  await serve(piecesProtocol, served.pieces);
  await serve(retrieveProtocol, served.retrieve);
  if (served.paidRetrieve !== undefined) await serve(paidRetrieveProtocol, served.paidRetrieve);
  if (served.offer !== undefined) await serve(offerProtocol, served.offer);
  if (store !== undefined) await serve(storeProtocol, storeServed(store));
  return libp2p;
}

async function nodeOf(
  { peerSeed, listen }: ServerOptions,
  inbound: ProviderConnections,
  relayed: RelayedTransport | undefined,
): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", peerSeed),
    addresses: { listen: [...listen] },
    transports: relayed === undefined ? [tcp()] : [tcp(), relayed.transport()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      muxer({
        maxInboundStreams: streamsOfCaller.all,
        windowBytes: streamBytes,
        streamOptions: { maxReadBufferLength: streamBytes },
      }),
    ],
    services: {
      ping: ping({ maxInboundStreams: 2 }),
      identify: identify({ runOnConnectionOpen: false, maxInboundStreams: 1 }),
    },
    connectionGater: inbound.gater(),
    connectionMonitor: { pingTimeout: { minTimeout: signOfLife_ms } },
    connectionManager: connectionLimits,
  });
}

type Served = {
  readonly challenge: Protocol<ChallengeRequest>;
  readonly pieces: Protocol<PiecesRequest>;
  readonly retrieve: Protocol<RetrieveRequest>;
  readonly paidRetrieve: Protocol<PaidRetrieveRequest> | undefined;
  readonly offer: Protocol<RegistryScope> | undefined;
};

/** The protocols with their limits for each peer. */
function protocolsOf(
  { challenge, pieces, retrieve, paidRetrieve, offer, scale }: ServerDependencies,
  isKeeper: (peer: string) => boolean,
): Served {
  const callers = new TokenBuckets(maxCallerNames, () => performance.now());
  const rate = (): Rate => requestRate(scale().groups);
  // Only what is refused takes a token: see `requestRate`.
  const refusedOf = <Request>(respond: Responder<Request>) => ({
    allowed: (peer: string): boolean => callers.has(`refused to ${peer}`, rate()),
    async respond(request: Request, peer: string): Promise<Uint8Array> {
      const response = await respond(request, peer);
      if (isRefusal(response) || isDue(response)) callers.charge(`refused to ${peer}`, rate(), 1);
      return response;
    },
  });
  return {
    challenge: {
      maxBytes: maxChallengeRequestBytes,
      headerBytes: challengeHeaderBytes,
      requestBytes: challengeRequestBytes,
      decode: decodeChallengeRequest,
      allowed: (peer, { targets }) =>
        isKeeper(peer)
          ? callers.take(peer, challengeRate(scale()), targets.length)
          : callers.take("strangers", strangerChallengeRate),
      respond: challenge,
    },
    pieces: {
      ...fixedLength(piecesRequestBytes),
      decode: decodePiecesRequest,
      allowed: (peer) => callers.take(`ranges of ${peer}`, rate()),
      respond: pieces,
    },
    retrieve: {
      ...fixedLength(retrieveRequestBytes),
      decode: decodeRetrieveRequest,
      ...refusedOf(retrieve),
    },
    paidRetrieve: paidRetrieve && {
      maxBytes: maxPaidRetrieveRequestBytes,
      headerBytes: paidRetrieveHeaderBytes,
      requestBytes: paidRetrieveRequestBytes,
      decode: decodePaidRetrieveRequest,
      ...refusedOf(paidRetrieve),
    },
    offer: offer && {
      ...fixedLength(offerRequestBytes),
      decode: decodeOfferRequest,
      allowed: (peer) => callers.take(`offers to ${peer}`, offerRate),
      respond: offer,
    },
  };
}

function storeServed(store: Pick<StoreDesk, "admit" | "respond">): Protocol<StoreMessage> {
  return {
    maxBytes: maxStoreMessageBytes,
    headerBytes: storeHeaderBytes,
    requestBytes: storeMessageBytes,
    admit(header, peer) {
      const kind = storeKinds[(header[1] ?? 0) - 1];
      return kind === undefined ? undefined : store.admit(kind, peer);
    },
    decode: decodeStoreMessage,
    allowed: () => true,
    respond: store.respond,
  };
}

/** How a protocol's requests are read, limited and answered. */
type Protocol<Request> = {
  readonly maxBytes: number;
  /** Bytes from which the length of the whole request is known. */
  readonly headerBytes: number;
  readonly requestBytes: (header: Uint8Array) => number;
  /** Refuses a request before its rest is read. */
  readonly admit?: (header: Uint8Array, peer: string) => Admission | Refusal | undefined;
  readonly decode: (bytes: Uint8Array) => Result<Request, DecodeCode>;
  /** False: the peer asks too often. */
  readonly allowed: (peer: string, request: Request) => boolean;
  readonly respond: SilentResponder<Request>;
};

function fixedLength(bytes: number): Pick<Protocol<unknown>, "maxBytes" | "headerBytes" | "requestBytes"> {
  return { maxBytes: bytes, headerBytes: bytes, requestBytes: () => bytes };
}

async function answerStream<Request>(
  stream: Stream,
  peer: string,
  protocol: Protocol<Request>,
): Promise<void> {
  const { maxBytes, headerBytes, admit } = protocol;
  const signal = AbortSignal.timeout(streamTimeout_ms);
  const io = byteStream(stream, { maxBufferSize: maxBytes + 1 });
  const header = (await io.read({ bytes: headerBytes, signal })).subarray();
  const admitted = admit?.(header, peer);
  if (admitted !== undefined && "kind" in admitted) {
    await io.write(encodeRefusal(admitted), { signal });
    await stream.close({ signal });
    // The rest is not read; the peer has time to read why.
    setTimeout(() => stream.abort(new Error("refused")), refusalStays_ms).unref();
    return;
  }
  try {
    await answerRest({ stream, io, header, signal }, peer, protocol);
  } finally {
    admitted?.end();
  }
}

/** A stream whose header was read. */
type Begun = {
  readonly stream: Stream;
  readonly io: ReturnType<typeof byteStream<Stream>>;
  readonly header: Uint8Array;
  readonly signal: AbortSignal;
};

/** The whole request. Each part is copied to its place as it arrives, so that its own buffer is free again soon. */
async function readRest(
  io: Begun["io"],
  {
    header,
    rest,
    signal,
  }: { readonly header: Uint8Array; readonly rest: number; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const request = new Uint8Array(header.length + rest);
  request.set(header);
  for (let at = header.length; at < request.length;) {
    const arrived = await io.read({ signal });
    if (arrived === null) throw new Error(`expected ${request.length} bytes, actual ${at}`);
    for (const part of arrived) {
      const wanted = part.subarray(0, request.length - at);
      request.set(wanted, at);
      at += wanted.length;
    }
  }
  return request;
}

async function answerRest<Request>(
  { stream, io, header, signal }: Begun,
  peer: string,
  { headerBytes, requestBytes, decode, allowed, respond }: Protocol<Request>,
): Promise<void> {
  const rest = requestBytes(header) - headerBytes;
  const decoded = decode(await readRest(io, { header, rest, signal }));
  let response: Uint8Array | undefined;
  if (!decoded.ok) {
    response = encodeRefusal(refusal("malformed", `${decoded.code}: ${decoded.detail}`));
  } else if (!allowed(peer, decoded.value)) {
    response = encodeRefusal(refusal("busy", "too many requests of this peer; ask again later"));
  } else {
    response = await respond(decoded.value, peer);
  }
  if (response === undefined) {
    stream.abort(new Error("the responder gives no answer"));
    return;
  }
  await io.write(response, { signal });
  await stream.close({ signal });
}
