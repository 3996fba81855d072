/** ProviderClient over libp2p streams: sends one request and reads until the provider closes the stream. */
import type { Stream } from "@libp2p/interface";
import { byteStream } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";
import { concatBytes } from "../../../storage/core/bytes.ts";
import {
  challengeProtocol,
  maxChallengeResponseBytes,
  maxPiecesResponseBytes,
  piecesProtocol,
  decodeChallengeResponse,
  decodePiecesResponse,
  encodeChallengeRequest,
  encodePiecesRequest,
} from "../../../protocol/codec/challenge.ts";
import type { PiecesPage, Refusal } from "../../../protocol/codec/challenge.ts";
import { PieceCollector } from "../../../protocol/codec/piece-pages.ts";
import type { InboundMeter } from "../../../daemon/peers/inbound-meter.ts";
import type {
  CallLimits,
  PieceListQuery,
  ProviderClient,
  ProviderFailure,
  ProviderTarget,
} from "../../ports/provider.ts";
import type { Locator } from "../../../daemon/peers/relay/locator.ts";
import { reach } from "../../../daemon/peers/relay/reach.ts";
import { streamTo } from "../../../daemon/peers/relay/stream.ts";
import type { DialingNode } from "../../../daemon/peers/relay/stream.ts";

/** A started node and the meter that bounds what providers send. */
export type Caller = {
  readonly libp2p: DialingNode;
  readonly meter?: Pick<InboundMeter, "expect">;
  /** Finds a provider that is not at its registered addresses. Undefined: only those are dialled. */
  readonly locator?: Pick<Locator, "known" | "find">;
};

export function providerClient(caller: Caller): ProviderClient {
  return {
    async challenge(target, request, limits) {
      const bytes = encodeChallengeRequest(request);
      const call = { protocol: challengeProtocol, bytes, maxBytes: maxChallengeResponseBytes };
      const received = await askProvider(caller, target, call, limits);
      if (!received.ok) return received;
      const decoded = decodeChallengeResponse(received.bytes, request.targets.length);
      if (!decoded.ok) return failure("malformed", `${decoded.code}: ${decoded.detail}`);
      const { value } = decoded;
      return value.kind === "answers" ? { ok: true, answers: value.answers } : refused(value);
    },

    async pieceList(target, query, limits) {
      // One limit for all pages, so a provider that sends one entry a page does not extend it.
      const deadline = performance.now() + limits.timeout_ms;
      const pages = new PieceCollector(query);
      for (let first = pages.next; first !== undefined; first = pages.next) {
        const timeout_ms = Math.max(1, deadline - performance.now());
        const page = await askPage(caller, target, query, first, { ...limits, timeout_ms });
        if (!page.ok) return page;
        pages.add(page);
      }
      const collected = pages.list();
      if (!collected.ok) return failure("malformed", collected.detail);
      return { ok: true, list: collected.value };
    },
  };
}

async function askPage(
  caller: Caller,
  target: ProviderTarget,
  query: PieceListQuery,
  first: number,
  limits: CallLimits,
): Promise<({ readonly ok: true } & PiecesPage) | ProviderFailure> {
  const { chainId, committee, group, provider, listRoot } = query;
  const bytes = encodePiecesRequest({ chainId, committee, group, provider, listRoot, first });
  const call = { protocol: piecesProtocol, bytes, maxBytes: maxPiecesResponseBytes };
  const received = await askProvider(caller, target, call, limits);
  if (!received.ok) return received;
  const decoded = decodePiecesResponse(received.bytes);
  if (!decoded.ok) return failure("malformed", `${decoded.code}: ${decoded.detail}`);
  return decoded.value.kind === "pieces" ? { ok: true, ...decoded.value } : refused(decoded.value);
}

function refused(refusal: Refusal): ProviderFailure {
  return { ...failure("refused", `${refusal.code}: ${refusal.detail}`), refusal: refusal.code };
}

function failure(reason: ProviderFailure["reason"], detail: string): ProviderFailure {
  return { ok: false, reason, detail };
}

export type ProviderCall = {
  readonly protocol: string;
  readonly bytes: Uint8Array;
  /** Sent behind `bytes`; of a long request, so that it is not copied. */
  readonly tail?: Uint8Array;
  readonly maxBytes: number;
};

/** Sends one request and reads at most `maxBytes` until the provider closes the stream. Never rejects. */
export async function askProvider(
  caller: Caller,
  target: ProviderTarget,
  call: ProviderCall,
  limits: CallLimits,
): Promise<{ readonly ok: true; readonly bytes: Uint8Array } | ProviderFailure> {
  const timeout = AbortSignal.timeout(Math.ceil(limits.timeout_ms));
  const signal = limits.signal ? AbortSignal.any([limits.signal, timeout]) : timeout;
  let stream: Stream;
  try {
    stream = await streamOf(caller, target, call, signal);
  } catch (error) {
    return failure("unreachable", (error as Error).message);
  }
  const expected = caller.meter?.expect(target.peerId, call.maxBytes);
  try {
    const bytes = await exchange(stream, call, signal);
    if (bytes === undefined) {
      stream.abort(new Error("answer too long"));
      return failure("malformed", `expected at most ${call.maxBytes} bytes, actual more`);
    }
    return bytes.length > 0
      ? { ok: true, bytes }
      : failure("unreachable", "the provider closed the stream without an answer");
  } catch (error) {
    stream.abort(error as Error);
    if (timeout.aborted)
      return failure("late", `no complete answer within ${Math.round(limits.timeout_ms)} ms`);
    return failure("unreachable", (error as Error).message);
  } finally {
    expected?.();
  }
}

function streamOf(
  { libp2p, locator }: Caller,
  { peerId, addrs }: ProviderTarget,
  { protocol, bytes, tail, maxBytes }: ProviderCall,
  signal: AbortSignal,
): Promise<Stream> {
  const options = { signal, bytes: bytes.length + (tail?.length ?? 0) + maxBytes };
  const at = (addresses: readonly Multiaddr[]): Promise<Stream> =>
    streamTo(libp2p, peerId, addresses, protocol, options);
  return reach({ peerId, addresses: addrs }, locator, at, signal);
}

/** Sends the request, closes this side and reads to the end; undefined if the answer is longer than `maxBytes`. */
async function exchange(
  stream: Stream,
  call: ProviderCall,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const peer = byteStream(stream, { maxBufferSize: call.maxBytes + 1 });
  await peer.write(call.bytes, { signal });
  if (call.tail !== undefined) await peer.write(call.tail, { signal });
  await stream.close({ signal });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = await peer.read({ signal });
    if (chunk === null) return concatBytes(...chunks);
    size += chunk.byteLength;
    if (size > call.maxBytes) return undefined;
    chunks.push(...chunk);
  }
}
